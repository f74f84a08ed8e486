"""Strategies for hypothesis: recordings that make sense, with every kind of frame and odd content."""

from hypothesis import strategies as st

from kmock.messages import Outcome
from kmock.recording.cassette import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)

times = st.integers(0, 2**50) | st.integers(0, 10_000_000)
texts = st.text(max_size=20)
wire_texts = st.text(  # what HTTP parsers make of bytes that are not UTF-8, too
    st.characters(codec='utf-8') | st.sampled_from([chr(0xDC80), chr(0xDCFF)]), max_size=12
)
data = st.binary(max_size=40) | texts.map(str.encode)
headers = st.lists(st.tuples(wire_texts, wire_texts), max_size=3).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
targets = st.builds(lambda path, query: '/' + path + query, texts, st.just('') | texts.map(lambda text: '?' + text))

any_header = st.builds(
    Header,
    created=texts | st.just('2026-01-02T03:04:05.000006Z'),
    server=st.none() | json_objects,
    redacted=st.lists(texts, max_size=2).map(tuple),
    key=st.binary(max_size=4),
    matching=json_objects,
    extra=json_objects,
)
notes = st.builds(
    NoteFrame, at_us=times, text=texts, changes=st.just({}) | st.fixed_dictionaries({'redacted': st.lists(texts)})
)


@st.composite
def exchanges(draw: st.DrawFn, id: int) -> list[Frame]:
    """The frames of one exchange, in an order that makes sense, perhaps broken off."""
    streamed = draw(st.booleans())
    frames: list[Frame] = [
        RequestFrame(
            id=id,
            at_us=draw(times),
            method=draw(st.sampled_from(['GET', 'POST', 'PATCH'])),
            target=draw(targets),
            headers=draw(headers),
            body=None if streamed else draw(st.none() | data),
            streamed=streamed,
        )
    ]
    if streamed:
        pieces = draw(st.lists(data, max_size=2))
        frames += [BodyFrame(id=id, at_us=draw(times), data=piece) for piece in pieces]
        if draw(st.booleans()):
            frames.append(BodyFrame(id=id, at_us=draw(times), data=draw(data), last=True))
    if draw(st.booleans()):
        frames.append(
            ResponseFrame(
                id=id,
                at_us=draw(times),
                status=draw(st.integers(100, 999)),
                reason=draw(wire_texts),
                headers=draw(headers),
            )
        )
        for piece in draw(st.lists(data, max_size=3)):
            frames.append(ChunkFrame(id=id, at_us=draw(times), data=piece, partial=draw(st.booleans())))
        for piece in draw(st.lists(data, max_size=2)):
            frames.append(TunnelFrame(id=id, at_us=draw(times), data=piece, from_client=draw(st.booleans())))
    if draw(st.booleans()):
        outcome = draw(st.sampled_from(list(Outcome)))
        frames.append(EndFrame(id=id, at_us=draw(times), outcome=outcome, error=draw(st.none() | texts)))
    return frames


@st.composite
def recordings(draw: st.DrawFn) -> list[Frame]:
    """Interleaved exchanges and notes."""
    ids = draw(st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=3))
    queues = [draw(exchanges(number)) for number in ids] + [[note] for note in draw(st.lists(notes, max_size=2))]
    turns = [place for place, queue in enumerate(queues) for _ in queue]
    return [queues[place].pop(0) for place in draw(st.permutations(turns))]
