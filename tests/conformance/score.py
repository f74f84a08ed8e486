"""Score the emulated cluster against the recorded answers, and write docs/conformance.md: `tools/conformance`."""

import asyncio
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import corpus
import yaml

from kmock.kubernetes import KubernetesEmulator
from kmock.server import Server

HERE = pathlib.Path(__file__).parent
PAGE = HERE.parent.parent / 'docs' / 'conformance.md'
ADMIN = {'Authorization': 'Bearer admin-token'}

_INTRODUCTION = """\
# Conformance

<!-- Made by `tools/conformance`; not to be edited by hand. -->

How close is `KubernetesEmulator` to a real API server? `tests/conformance` holds scenarios of requests and watches, and
the answers that a real kube-apiserver v1.36 gave to them. Each step is compared: its status, its media type, its
headers where they matter, and its whole body, but for what differs from run to run (uids, times, versions, generated
names). The tests run all scenarios; `tools/conformance` runs them, too, and writes this page.

The recorded server ran without controllers, so the emulator runs here with `controllers=False`, and with two users.

"""


async def score() -> dict[str, Any]:
    """The report of all scenarios, run against a new emulator."""
    async with KubernetesEmulator(controllers=False) as kmock, Server(kmock) as server:
        kmock.users['admin'] = {'token': 'admin-token', 'groups': ['system:masters']}
        kmock.users['viewer'] = {'token': 'viewer-token'}
        report: dict[str, Any] = await corpus.compare_async(str(server.url), headers=ADMIN, jobs=3)
        return report


def page(areas: Mapping[str, Mapping[str, int]], accepted: Mapping[str, Mapping[int, str]]) -> str:
    """The page, from what was counted by area: `scenarios`, `passed`, `total`."""
    lines = ['| area | scenarios | steps | as recorded | |', '|---|---:|---:|---:|---:|']
    for name, area in [*sorted(areas.items()), ('**all**', _sum(areas))]:
        share = 100 * area['passed'] / area['total']
        lines.append(f'| {name} | {area["scenarios"]} | {area["total"]} | {area["passed"]} | {share:.1f}% |')
    lines += ['', '## Accepted differences', '']
    reasons = [
        f'- `{name}`, step {index}: {reason}'
        for name, steps in sorted(accepted.items())
        for index, reason in sorted(steps.items())
    ]
    return _INTRODUCTION + '\n'.join([*lines, *(reasons or ['None.'])]) + '\n'


def _sum(areas: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {key: sum(area[key] for area in areas.values()) for key in ('scenarios', 'passed', 'total')}


def expected_areas(accepted: Mapping[str, Mapping[int, str]]) -> dict[str, dict[str, int]]:
    """What is counted if nothing but the accepted differences differs."""
    areas: dict[str, dict[str, int]] = {}
    for scenario in corpus.load():
        area = areas.setdefault(scenario['area'], {'scenarios': 0, 'passed': 0, 'total': 0})
        total = sum(corpus.counted(step) for step in scenario['steps'])
        area['scenarios'] += 1
        area['total'] += total
        area['passed'] += total - len(accepted.get(scenario['name'], {}))
    return areas


def main() -> None:
    report = asyncio.run(score())
    accepted = yaml.safe_load((HERE / 'accepted.yaml').read_text()) or {}
    failed = [
        f'{name} #{step["index"]} {step["step"]}'
        for name, scenario in report['scenarios'].items()
        for step in scenario['steps']
        if not step['ok'] and step['index'] not in accepted.get(name, {})
    ]
    PAGE.write_text(page(report['areas'], accepted))
    print(f'{report["passed"]} of {report["total"]} steps are answered as recorded. Written: docs/{PAGE.name}')
    if failed:
        sys.exit('\n'.join(['These differ, and stand not in accepted.yaml:', *failed]))


if __name__ == '__main__':
    main()
