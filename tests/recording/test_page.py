"""Facts about the HTML page of a cassette."""

import html.parser
import re

import pytest
from taping import tape, taped

from kmock.messages import Outcome
from kmock.recording import page as page_module
from kmock.recording.cassette import Cassette
from kmock.recording.page import page

VOID = {'meta'}


class Parser(html.parser.HTMLParser):
    """Collects tags, attributes and text; notices tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ''

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(cassette: Cassette) -> Parser:
    parser = Parser()
    for part in page(cassette):
        parser.feed(part)
    parser.close()
    assert parser.open == []
    return parser


def test_each_exchange_can_be_opened_and_has_its_place_in_the_waterfall() -> None:
    found = parsed(
        tape(
            taped('GET', '/a', b'{"n":1}', at=0, end=5),
            taped('GET', '/api/v1/pods?watch=true', at=5, end=5, outcome=Outcome.SERVER_CLOSED),
        )
    )
    assert [attributes['id'] for tag, attributes in found.tags if tag == 'details'] == ['e1', 'e2']
    styles = [attributes['style'] for _, attributes in found.tags if 'style' in attributes]
    assert styles == ['left:0.000%;width:50.000%', 'left:50.000%;width:50.000%']
    assert '"n": 1' in found.text
    assert 'server-closed' in found.text


def test_nothing_recorded_becomes_markup_or_control_characters() -> None:
    evil = '</pre><script>alert(1)</script>"\' onload=x \x1b[2J\u202e'
    text = ''.join(
        page(
            tape(
                taped(evil, f'/{evil}', evil.encode(), headers=[(evil, evil)], body=evil.encode(), error=evil),
                name=evil,
            )
        )
    )
    parser = Parser()
    parser.feed(text)
    assert {tag for tag, _ in parser.tags} <= {
        'html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'pre', 'div', 'span', 'details', 'summary',
    }  # fmt: skip
    assert not any(name.startswith('on') for _, attributes in parser.tags for name in attributes)
    assert text.replace('\n', '').isprintable()


def test_the_page_needs_nothing_from_outside() -> None:
    text = ''.join(page(tape(taped('GET', '/a'))))
    assert "default-src 'none'" in text
    assert re.findall(r'(?:src|href|url)\s*[=(]', text) == []


def test_large_cassettes_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, 'MAX_EXCHANGES', 3)
    found = parsed(tape(*(taped('GET', '/a') for _ in range(5))))
    assert sum(tag == 'details' for tag, _ in found.tags) == 3
    assert '2 more exchanges are not shown here' in found.text


def test_the_whole_page_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, 'MAX_PAGE_CHARACTERS', 10_000)
    text = ''.join(page(tape(*(taped('GET', '/a', b'x' * 5000) for _ in range(100)))))
    assert len(text) < 30_000


def test_long_exchanges_are_cut_and_say_where_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, 'MAX_LINES', 10)
    found = parsed(tape(taped('GET', '/api/v1/pods?watch=1', pieces=[(n, b'event\n') for n in range(1, 101)])))
    assert '… kmock show --id 1 shows the rest' in found.text


def test_an_empty_cassette_has_a_page() -> None:
    assert 'requests  none' in parsed(tape()).text


def test_a_long_target_is_shortened_before_its_end() -> None:
    target = '/api/v1/namespaces/ns/configmaps/the-name'
    found = parsed(tape(taped('GET', target), taped('GET', '/short')))
    parts = [attributes for tag, attributes in found.tags if attributes.get('class') == 'target']
    assert [attributes['title'] for attributes in parts] == [target, '/short']
    text = ''.join(page(tape(taped('GET', target))))
    assert '<span>/api/v1/namespaces/ns</span><span>/configmaps/the-name</span>' in text


def test_the_moments_of_a_watch_are_marked_each_place_once() -> None:
    watch = taped(
        'GET', '/api/v1/pods?watch=1', at=5, head=0, pieces=[(0, b'a'), (2, b'b'), (2.001, b'c'), (5, b'd')], end=5
    )
    plain = taped('GET', '/b', pieces=[(1, b'a')], end=5)
    found = parsed(tape(plain, watch))
    assert [attributes['style'] for tag, attributes in found.tags if tag == 'i'] == [
        'left:50.0%',
        'left:70.0%',
        'left:100.0%',
    ]
