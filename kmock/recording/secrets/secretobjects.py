"""Secrets that are known by where they stand in a JSON text: the data of Secrets, and the user's paths.

What is secret:
- under `data` and `stringData` of a Secret: in all of a body whose URL says that it is about secrets (objects, lists,
  watch events, merge patches), else in objects that say `kind: Secret`, or `SecretList`, before their data, or whose
  keys are sorted, as kubectl writes them (`apiVersion: v1` and `data` first, and the kind soon after);
- the `value` of JSON Patch operations whose `path` leads there;
- what the user's paths lead to, from the body's root, from the items of a list, and from the object of a watch event.
JSON inside strings (the last-applied annotation) is read in the same way.

Only values are replaced, keys stay. Everything else, blanks included, stays byte for byte.
"""

import contextlib
import dataclasses
import re
from typing import NamedTuple

from kmock.errors import KMockError
from kmock.recording.secrets.jsonstream import MAX_DEPTH, JsonError, Lexer, Token, map_back, unescape
from kmock.recording.secrets.placeholders import Placeholders
from kmock.recording.secrets.skimming import ROOM, secret_skimmer, value_skimmer
from kmock.recording.secrets.splicing import ENDLESS, LIMIT, Edit, Splicer, held_prefix, proper_prefixes

__all__ = ['EmbeddedSecrets', 'JsonRules', 'JsonSecrets', 'Path', 'mode_of_pointer', 'parse_path', 'redact_string']

Path = tuple[str, ...]
"""Keys; `*` is any key; `[*]` is any item of a list, `[3]` that one."""

DATA, TEXT, PATH = 'Secret data', 'Secret stringData', 'JSON path'
DATA_KEYS = {b'data': DATA, b'stringData': TEXT}
KINDS = frozenset({b'Secret', b'SecretList'})

_TELLING = frozenset({*DATA_KEYS, b'kind', b'path', b'value'})
_PLACES = frozenset({b'items', b'object'})
_MAX_NESTING = 8
_SEGMENT = re.compile(r"""\.?(?:(\[(?:\*|\d+)\])|\[(['"])(.+?)\2\]|([^.\[\]]+))""")


def parse_path(text: str) -> Path:
    """Read a path such as `spec.password`, `$.items[*].x`, `metadata.annotations['a.b/c']`, `spec.*.key`.

    Raises:
        KMockError: it is none.
    """
    rest = text.removeprefix('$')
    path: list[str] = []
    while rest:
        match = _SEGMENT.match(rest)
        if match is None:
            path.clear()
            break
        path.append(match[1] or match[3] or match[4])
        rest = rest[match.end() :]
    if not path:
        raise KMockError(f"{text!r} is no JSON path to redact. Write it like spec.password, items[*].x, a['b.c'].")
    return tuple(path)


def mode_of_pointer(pointer: bytes) -> str | None:
    """How secret the value of a JSON Patch operation on a Secret is, by the operation's path."""
    parts = pointer.strip(b'/').split(b'/')
    return TEXT if parts == [b''] else DATA_KEYS.get(parts[0])


@dataclasses.dataclass(frozen=True, slots=True)
class JsonRules:
    """What to look for in a JSON text."""

    placeholders: Placeholders
    paths: tuple[Path, ...] = ()
    about_secrets: bool = False
    json_patch: bool = False
    nesting: int = 0


class _Span(NamedTuple):
    """One value of the text."""

    token: Token
    start: int
    end: int


class _Frame:
    """One open object or array."""

    __slots__ = ('collect', 'exempt', 'index', 'is_array', 'key', 'mode', 'pointer', 'secret', 'states', 'undecided')

    def __init__(self, *, is_array: bool) -> None:
        self.is_array = is_array
        self.key = b''
        self.index = -1
        self.secret: bool | None = None  # whether this is (in) a Secret or a list of them; None: not known yet
        self.exempt = False  # part of the metadata
        self.mode: str | None = None  # all values here are secret, and how
        self.states: tuple[tuple[int, int], ...] = ()  # the user's paths that lead here: (which, how far)
        self.undecided: list[tuple[_Span, str]] | None = None  # values that wait for the kind, or for the pointer
        self.collect: _Frame | None = None  # who decides about the values here
        self.pointer: bytes | None = None  # the path of a JSON Patch operation; empty until it is known


class _Walker:
    """Follows the tokens of one text, and puts the edits into a splicer."""

    def __init__(self, rules: JsonRules, splicer: Splicer, *, inside: bool = False, secret: bool = False) -> None:
        self.rules = rules
        self.splicer = splicer
        self.lexer = Lexer(LIMIT, inside=inside)
        self._swallowed: Edit | None = None
        self._root_states = tuple((which, 0) for which in range(len(rules.paths)))
        self._frames: list[_Frame] = []
        self._asking: list[_Frame] = []  # those with undecided values
        if inside:
            self._frames.append(_Frame(is_array=False))
            self._frames[0].secret = secret or None

    @property
    def done(self) -> bool:
        """Whether the object in which it began is closed."""
        return not self._frames

    @property
    def place(self) -> int:
        """How far the text has been read, as an offset in the stream."""
        return self.splicer.base + self.lexer.position

    def settled(self) -> int:
        """Up to where in the stream everything is decided."""
        return min((frame.undecided[0][0].start for frame in self._asking if frame.undecided), default=self.place)

    def walk(self, *, final: bool, once: bool = False) -> None:
        """Take what has come; with `once`, only up to the end of the object in which it began.

        Raises:
            JsonError: it is no JSON, from `place` on.
        """
        base = self.splicer.base
        if self._frames:
            self._skim()
        for token, start, end in self.lexer.tokens(self.splicer.buffer, final=final):
            if self._asking:
                first = self._asking[0]
                if first.undecided and base + start - first.undecided[0][0].start > LIMIT:
                    self._decide(first, TEXT)
            self._take(_Span(token, base + start, base + end))
            if token is Token.KEY:
                continue
            if self._frames:
                self._skim()
            elif once:
                return
        if final:
            self.presume()

    def presume(self) -> None:
        """Nothing more can be learned: what is undecided is taken for secret."""
        for frame in list(self._asking):
            self._decide(frame, TEXT)

    def _take(self, span: _Span) -> None:
        frame = self._frames[-1] if self._frames else None
        if span.token is Token.KEY:
            if frame is not None:
                frame.key = self._decoded(span)
        elif span.token is Token.OPEN:
            self._frames.append(self._child(frame, is_array=self._raw(span.start, span.end) == b'['))
        elif span.token is Token.CLOSE:
            closed = self._frames.pop()
            if closed.undecided:
                self._decide(closed, None)
        elif span.token is Token.LONG_END:
            if self._swallowed is not None:
                self._swallowed.end, self._swallowed = span.start, None
        else:
            self._value(frame, span)

    # --- what a value is, by where it stands

    def _child(self, parent: _Frame | None, *, is_array: bool) -> _Frame:
        child = _Frame(is_array=is_array)
        if parent is None:
            child.states = self._root_states
            child.secret = self.rules.about_secrets or None
            return child
        child.states = self._states(parent)
        child.secret = parent.secret or None
        child.exempt = parent.exempt or (parent.key == b'metadata' and not parent.is_array)
        child.mode, child.collect = self._mode(parent, child.states, is_scalar=False)
        if self.rules.json_patch and len(self._frames) == 1 and parent.is_array and not is_array:
            child.pointer = b''
        if not is_array and self._is_place_of_objects(parent):
            child.states += self._root_states
        return child

    def _is_place_of_objects(self, parent: _Frame) -> bool:
        """The items of the body's list, or the object of its watch event (which may be such a list)."""
        if parent.is_array:
            return 2 <= len(self._frames) <= 3 and self._frames[-2].key == b'items'
        return len(self._frames) == 1 and parent.key == b'object'

    def _states(self, parent: _Frame) -> tuple[tuple[int, int], ...]:
        if not parent.states:
            return ()
        if parent.is_array:
            parent.index += 1
            names = {'[*]', f'[{parent.index}]'}
        else:
            names = {'*', parent.key.decode('utf-8', 'replace')}
        paths = self.rules.paths
        return tuple((i, at + 1) for i, at in parent.states if at < len(paths[i]) and paths[i][at] in names)

    def _mode(
        self, parent: _Frame, states: tuple[tuple[int, int], ...], *, is_scalar: bool
    ) -> tuple[str | None, _Frame | None]:
        """How secret a value in this frame is; and which frame has still to decide about that."""
        if parent.mode:
            return parent.mode, parent.collect
        if any(at == len(self.rules.paths[i]) for i, at in states):
            return PATH, None
        if parent.is_array or parent.exempt:
            return None, None
        if parent.pointer is not None and parent.key == b'value':
            return (mode_of_pointer(parent.pointer), None) if parent.pointer else (TEXT, parent)
        mode = DATA_KEYS.get(parent.key)
        if mode is None or parent.secret is False or (is_scalar and not self.rules.about_secrets):
            return None, None
        return mode, None if parent.secret else parent

    def _value(self, frame: _Frame | None, span: _Span) -> None:
        """A string, a number, or the like."""
        if frame is None:
            return
        if frame.mode is None and not frame.states and (frame.is_array or frame.key not in _TELLING):
            self._nested(frame, span)
            return
        mode, owner = self._mode(frame, self._states(frame), is_scalar=True)
        if mode is None:
            self._plain(frame, span)
        elif owner is None:
            self._replace(span, mode)
        elif span.token is Token.LONG:
            self._decide(owner, TEXT)
            self._replace(span, mode)
        else:
            if owner.undecided is None:
                owner.undecided = []
                self._asking.append(owner)
            owner.undecided.append((span, mode))

    def _plain(self, frame: _Frame, span: _Span) -> None:
        """A value that is not secret itself, but may decide about others, or hold JSON with secrets."""
        if span.token is Token.STRING and not frame.is_array and not frame.exempt:
            if frame.key == b'kind' and frame.pointer is None:
                is_secret = self._decoded(span) in KINDS
                if is_secret or not self.rules.about_secrets:
                    frame.secret = is_secret
                    self._decide(frame, TEXT if is_secret else None)
            elif frame.key == b'path' and frame.pointer == b'':
                frame.pointer = self._decoded(span) or b'/'
                self._decide(frame, mode_of_pointer(frame.pointer))
        self._nested(frame, span)

    def _decide(self, frame: _Frame, verdict: str | None) -> None:
        """Replace the values that waited for this frame's decision, or let them go."""
        waiting, frame.undecided = frame.undecided or [], None
        if frame in self._asking:
            self._asking.remove(frame)
        for child in self._frames:
            if child.collect is frame:
                child.collect = None
                child.mode = child.mode if verdict else None
        for span, mode in waiting:
            if verdict is not None:
                self._replace(span, verdict if frame.pointer else mode)
            else:
                self._nested(frame, span)

    # --- passing what is not secret, and plain Secrets, without looking at each token

    def _skim(self) -> None:
        """Move the lexer on as far as that is possible at once. All of it could be done by the tokens, too."""
        frame, rules = self._frames[-1], self.rules
        if frame.mode is not None or rules.json_patch or not self.lexer.between or self.lexer.depth > MAX_DEPTH - ROOM:
            return
        if frame.exempt or rules.paths or not rules.about_secrets:
            self._skim_values(frame)
        else:
            self._skim_secrets(frame)

    def _skim_secrets(self, frame: _Frame) -> None:
        """In a body about Secrets: everything here is secret that is under `data`, and nothing else."""
        skimmer, text, position = secret_skimmer(), self.splicer.buffer, self.lexer.position
        while True:
            match = skimmer.secret.match(text, position)
            if match is not None and (match[1] is None) is not frame.is_array:
                match = None
            if match is None and not frame.is_array:
                match = skimmer.members.match(text, position)
                data = skimmer.data.match(text, match.end() if match is not None else position)
                match = data or match
            if match is None or match.end() == position or not self._replace_data(match):
                break
            position = match.end()
        self.lexer.position = position

    def _replace_data(self, match: re.Match[bytes]) -> bool:
        """Replace the values of the data that was matched; unless there is too much of it."""
        groups = range(1 + match.re.groups % 2, match.re.groups, 2)
        blocks = [match.regs[group : group + 2] for group in groups if match.regs[group][0] >= 0]
        for _, (start, end) in blocks:
            if end - start > LIMIT:
                return False
        text, base = self.splicer.buffer, self.splicer.base
        pair = secret_skimmer().pair
        for (start, end), members in blocks:
            mode = DATA if end - start == len(b'data') else TEXT
            for value in pair.finditer(text, *members):
                inside = value[1]
                if inside:
                    self._replace_text(base + value.start(1), inside, mode)
        return True

    def _skim_values(self, frame: _Frame) -> None:
        """The values of keys that mean nothing here, if nothing in them means anything."""
        telling = self._telling(frame)
        if telling is None:
            return
        skimmer, text, position = value_skimmer(), self.splicer.buffer, self.lexer.position
        value = skimmer.in_metadata if frame.exempt else skimmer.plain
        while True:
            key = None if frame.is_array else skimmer.key.match(text, position)
            if frame.is_array:
                match = value.match(text, position)
            elif key is None:
                break
            elif key[1] in telling:
                match = self._skim_data(frame, position)
            elif key[1] == b'metadata' and not frame.exempt:
                match = skimmer.metadata.match(text, position)
            else:
                match = value.match(text, key.end())
            if match is None:
                break
            position = match.end()
        self.lexer.position = position

    def _skim_data(self, frame: _Frame, position: int) -> re.Match[bytes] | None:
        """The data of what is known to be a Secret."""
        if not frame.secret or frame.exempt:
            return None
        match = secret_skimmer().data.match(self.splicer.buffer, position)
        if match is None or match[1] in self._names(frame) or not self._replace_data(match):
            return None
        return match

    def _telling(self, frame: _Frame) -> frozenset[bytes] | None:
        """The keys that mean something in this frame; None if all of them do, or if all items do."""
        depth = len(self._frames)
        if frame.is_array:
            is_place = bool(self.rules.paths) and 2 <= depth <= 3 and self._frames[-2].key == b'items'
            return None if frame.states or is_place else frozenset()
        telling = self._names(frame)
        if b'*' in telling:
            return None
        if not frame.exempt:
            telling |= _TELLING
        if self.rules.paths and depth <= 2:
            telling |= _PLACES
        return telling

    def _names(self, frame: _Frame) -> frozenset[bytes]:
        """The keys that lead on along the user's paths."""
        paths = self.rules.paths
        return frozenset(paths[i][at].encode() for i, at in frame.states if at < len(paths[i]))

    # --- replacing

    def _raw(self, start: int, end: int) -> bytes:
        return bytes(self.splicer.buffer[start - self.splicer.base : end - self.splicer.base])

    def _decoded(self, span: _Span) -> bytes:
        raw = self._raw(span.start + 1, span.end - 1)
        return unescape(raw)[0] if b'\\' in raw else raw

    def _replace(self, span: _Span, mode: str) -> None:
        replaced = self.rules.placeholders.base64 if mode == DATA else self.rules.placeholders.text
        if span.token is Token.SCALAR:
            raw = self._raw(span.start, span.end)
            if raw != b'null':
                self.splicer.edit(span.start, span.end, b'"' + replaced(raw, mode) + b'"')
            return
        inner = span.end - 1 if span.token is Token.STRING else span.end
        value = self._raw(span.start + 1, inner)
        if span.token is Token.LONG:
            self._swallowed = self.splicer.edit(span.start + 1, ENDLESS, replaced(value, mode))
            return
        self._replace_text(span.start + 1, value, mode)

    def _replace_text(self, start: int, raw: bytes, mode: str) -> None:
        """Replace the inside of a string."""
        value = unescape(raw)[0] if b'\\' in raw else raw
        replacement = (self.rules.placeholders.base64 if mode == DATA else self.rules.placeholders.text)(value, mode)
        if replacement != value:
            self.splicer.edit(start, start + len(raw), replacement)

    def _nested(self, frame: _Frame, span: _Span) -> None:
        """Look into a string that may hold JSON itself; what is no JSON stays as it is."""
        begins = _NESTED.match(self.splicer.buffer, span.start - self.splicer.base)
        if begins is None or not (frame.secret or self.rules.paths) or self.rules.nesting >= _MAX_NESTING:
            return
        if span.token is Token.LONG:
            return
        raw = self._raw(span.start + 1, span.end - 1 if span.token is Token.STRING else span.end)
        text, offsets = unescape(raw)
        rules = dataclasses.replace(
            self.rules, about_secrets=bool(frame.secret), json_patch=False, nesting=self.rules.nesting + 1
        )
        inner = _walked(text, rules)
        for edit in inner.edits:
            start, end = (map_back(offsets, min(place, len(text))) for place in (edit.start, edit.end))
            replacement = edit.replacement.replace(b'\\', b'\\\\').replace(b'"', b'\\"')
            self.splicer.edit(span.start + 1 + start, span.start + 1 + end, replacement)


def _walked(text: bytes, rules: JsonRules) -> Splicer:
    """The edits for a whole text that may be JSON."""
    splicer = Splicer()
    splicer.add(text)
    # What is no JSON is no Secret; but what breaks off (or is broken) after secrets have been found has had them.
    with contextlib.suppress(JsonError):
        _Walker(rules, splicer).walk(final=True)
    return splicer


def redact_string(text: bytes, rules: JsonRules) -> bytes:
    """A text that may be JSON, such as that of an annotation; if it is none, it stays as it is."""
    if text.lstrip()[:1] not in {b'{', b'['}:
        return text
    splicer = _walked(text, rules)
    return b''.join(splicer.release(splicer.end))


class JsonSecrets:
    """Redacts a JSON body, or a stream of JSON texts. From where it turns out to be no JSON, it is replaced whole."""

    def __init__(self, rules: JsonRules) -> None:
        self._rules = rules
        self._splicer = Splicer()
        self._walker = _Walker(rules, self._splicer)
        self._broken = False

    def feed(self, data: bytes) -> list[bytes]:
        self._splicer.add(data)
        return self._walk(final=False)

    def finish(self) -> list[bytes]:
        return self._walk(final=True)

    def _walk(self, *, final: bool) -> list[bytes]:
        if not self._broken:
            try:
                self._walker.walk(final=final)
            except JsonError:
                self._broken = True
                self._walker.presume()
                self._splicer.edit(self._walker.place, ENDLESS, b'REDACTED')
                self._rules.placeholders.note('the rest of a body that is not the JSON it should be')
        base = self._splicer.base
        pieces = self._splicer.release(self._splicer.end if final or self._broken else self._walker.settled())
        self._walker.lexer.position -= self._splicer.base - base
        return pieces


_NESTED = re.compile(rb'"(?:[ \t\r\n]|\\[nrt])*+[{\[]')
_BEFORE_KIND = re.compile(rb'"kind"[ \t\r\n]*:[ \t\r\n]*\Z')
_BEFORE_DATA = re.compile(rb'"apiVersion"[ \t\r\n]*:[ \t\r\n]*"v1"[ \t\r\n]*,[ \t\r\n]*\Z')
_KIND, _DATA = b'"Secret', b'"data"'
_MARKS = proper_prefixes([_KIND, _DATA])
_KIND_VALUE = re.compile(rb'"Secret(?:List)?"')
_KIND_LENGTH = len(b'"SecretList"')


class EmbeddedSecrets:
    """Redacts Secrets in a body that is about something else. Costs two searches as long as there is none."""

    def __init__(self, placeholders: Placeholders) -> None:
        self._rules = JsonRules(placeholders)
        self._splicer = Splicer()
        self._walker: _Walker | None = None
        self._searched = 0  # up to where in the stream there is no mark of a Secret

    def feed(self, data: bytes) -> list[bytes]:
        if not self._splicer.holds and self._walker is None:
            if _KIND not in data and _DATA not in data and not held_prefix(data, _MARKS):
                return self._splicer.passed(data)
            self._searched = max(self._searched, self._splicer.base)
        self._splicer.add(data)
        return self._scan(final=False)

    def finish(self) -> list[bytes]:
        return self._scan(final=True)

    def _scan(self, *, final: bool) -> list[bytes]:
        splicer = self._splicer
        while True:
            if self._walker is not None and not self._walk(self._walker, final=final):
                break
            if not self._search(final=final):
                break
        walker = self._walker
        base = splicer.base
        pieces = splicer.release(splicer.end if final else self._searched if walker is None else walker.settled())
        if walker is not None:
            walker.lexer.position -= splicer.base - base
        return pieces

    def _walk(self, walker: _Walker, *, final: bool) -> bool:
        """Go on through an object; tell whether it is through."""
        try:
            walker.walk(final=final, once=True)
        except JsonError:
            pass  # It only looked like JSON, in which case it is no Secret either.
        else:
            if not walker.done:
                return False
        self._walker = None
        self._searched = max(self._searched, walker.place)
        return True

    def _search(self, *, final: bool) -> bool:
        """Find the next mark of a Secret; tell whether there is one, and a walker set upon it."""
        splicer = self._splicer
        text, base = splicer.buffer, splicer.base
        start = max(0, self._searched - base)
        kind, data = text.find(_KIND, start), text.find(_DATA, start)
        while True:
            place = min(kind, data) if kind >= 0 and data >= 0 else max(kind, data)
            if place < 0:
                self._searched = splicer.end - (0 if final else held_prefix(text[-16:], _MARKS))
                return False
            if text.startswith(_KIND, place) and len(text) < place + _KIND_LENGTH and not final:
                self._searched = base + place
                return False
            self._searched = base + place + 1
            position = self._marked(place)
            if position is not None:
                self._walker = _Walker(self._rules, splicer, inside=True, secret=position != place)
                self._walker.lexer.position = position
                return True
            if place == kind:
                kind = text.find(_KIND, place + 1)
            else:
                data = text.find(_DATA, place + 1)

    def _marked(self, place: int) -> int | None:
        """Where to begin walking if this is the mark of a Secret: after its kind, or at its data."""
        text, splicer = self._splicer.buffer, self._splicer
        kind = _KIND_VALUE.match(text, place)
        if kind is not None:
            return kind.end() if _BEFORE_KIND.search(splicer.before(splicer.base + place, 64)) else None
        if text.startswith(_DATA, place) and _BEFORE_DATA.search(splicer.before(splicer.base + place, 64)):
            return place
        return None
