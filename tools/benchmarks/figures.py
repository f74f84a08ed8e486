"""Figures: what a benchmark found, next to what it should be; printed, kept as JSON, compared with older ones."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ['Figure', 'load_figures', 'median', 'percentile', 'render_comparison', 'render_figures', 'save_figures']


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value.

    Attributes:
        at_most, at_least: the target, if there is one.
        detail: what helps to understand the value, for people.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    detail: str = ''

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def verdict(self) -> str:
        if self.met is None:
            return ''
        bound = f'≤ {self.at_most:g}' if self.at_most is not None else f'≥ {self.at_least:g}'
        return f'{bound} {self.unit}: {"met" if self.met else "NOT met"}'


def median(values: Sequence[float]) -> float:
    return percentile(values, 50)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of all values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(0, int(rank) - 1)]


def render_figures(figures: Sequence[Figure]) -> str:
    lines = [f'{each.name:<44} {each.value:>10.3f} {each.unit:<6} {each.verdict:<24} {each.detail}' for each in figures]
    return '\n'.join(line.rstrip() for line in lines)


def render_comparison(old: Sequence[Figure], new: Sequence[Figure]) -> str:
    """The changes of the values since an older run, for those figures that are in both."""
    before = {each.name: each for each in old}
    lines = []
    for each in new:
        if each.name in before:
            was = before[each.name].value
            change = f'{(each.value - was) / was * 100:+.0f}%' if was else 'n/a'
            lines.append(f'{each.name:<44} {was:>10.3f} → {each.value:.3f} {each.unit} ({change})')
    return '\n'.join(lines) or 'No figure is in both runs.'


def save_figures(path: Path, about: dict[str, Any], figures: Sequence[Figure]) -> None:
    content = {**about, 'figures': [{**dataclasses.asdict(each), 'met': each.met} for each in figures]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')


def load_figures(path: Path) -> list[Figure]:
    """The figures of an older run. Raises SystemExit with one line if the file can't be read."""
    try:
        items = json.loads(path.read_text(encoding='utf-8'))['figures']
        return [Figure(**{key: value for key, value in item.items() if key != 'met'}) for item in items]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise SystemExit(f'tools/bench: {path} is no file of an older run: {exc}') from None
