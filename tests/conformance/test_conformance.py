"""The emulated cluster gives the answers that a real kube-apiserver gave: one test a scenario of the corpus.

README.md beside this file tells what the scenarios are. Differences that are accepted stand in accepted.yaml, each
with its reason; one that is no more must be removed from there.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import corpus
import pytest
import score
import yaml

from kmock.errors import KubernetesEndpointNotFoundError
from kmock.kubernetes import KubernetesEmulator
from kmock.server import Server

HERE = pathlib.Path(__file__).parent
NAMES = sorted(path.stem for path in (HERE / 'scenarios').glob('*.yaml'))
ACCEPTED: dict[str, dict[int, str]] = yaml.safe_load((HERE / 'accepted.yaml').read_text()) or {}
ADMIN = {'Authorization': 'Bearer admin-token'}


@pytest.mark.parametrize('name', NAMES)
async def test_answers_as_a_real_api_server(name: str) -> None:
    """Each step of the scenario gets the recorded answer, but for what is accepted."""
    async with KubernetesEmulator(controllers=False) as kmock, Server(kmock) as server:
        kmock.users['admin'] = {'token': 'admin-token', 'groups': ['system:masters']}
        kmock.users['viewer'] = {'token': 'viewer-token'}
        report = await corpus.compare_async(str(server.url), names=[name], headers=ADMIN)
        steps = report['scenarios'][name]['steps']
        failed = {step['index']: step for step in steps if not step['ok']}
        accepted = ACCEPTED.get(name, {})
        surprises = [line for index, step in failed.items() if index not in accepted for line in _told(step)]
        assert not surprises, '\n'.join(['The answers differ from the recorded ones:', *surprises])
        assert set(accepted) <= set(failed), f'No more differences: {set(accepted) - set(failed)}. Mend accepted.yaml.'
        # What nothing is served at is answered, and still told to the test: it may want a rule there.
        assert not [exc for exc in kmock.errors if not isinstance(exc, KubernetesEndpointNotFoundError)]


def _told(step: dict[str, Any]) -> Iterator[str]:
    note = f'  ({step["note"]})' if step['note'] else ''
    yield f'#{step["index"]} {step["step"]}{note}'
    for difference in step['diff']:
        yield f'    {difference["path"] or "the body"}'
        yield f'        recorded: {difference["expected"]}'
        yield f'        got:      {difference["got"]}'


def test_page_tells_the_score() -> None:
    """docs/conformance.md is what `tools/conformance` writes."""
    assert score.PAGE.read_text() == score.page(score.expected_areas(ACCEPTED), ACCEPTED)


def test_score_is_high() -> None:
    """No area has more than a tenth of accepted differences, and all together not more than a twentieth."""
    areas = score.expected_areas(ACCEPTED)
    assert all(area['passed'] >= 0.9 * area['total'] for area in areas.values())
    assert sum(a['passed'] for a in areas.values()) >= 0.95 * sum(a['total'] for a in areas.values())
