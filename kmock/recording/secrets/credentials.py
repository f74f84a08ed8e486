r"""Secrets that are known by how they look, wherever they stand: tokens, private keys, fields of kubeconfigs.

- JSON Web Tokens, such as those of service accounts, and their base64;
- private keys in PEM, and their base64 (as in `client-key-data`); certificates stay;
- values of the fields below in JSON (`"token": "…"`), in YAML (`token: …` at the beginning of a line), and in both when
  they stand inside of JSON strings, any number of levels deep;
- what the user's regular expressions match: on one line, and the first group if there is one.

How deep a string is nested in other strings is read from its escapes: on level 0 a line ends with a newline, a string
with `"`; on level 1 with `\n`, `\"`; on level 2 with `\\n`, `\\\"`. So a newline has `depth` backslashes, a quote
one less, where depth is 1, 2, 4, …; a run of backslashes is counted modulo twice the depth.

A body in which none of the words below occurs costs a few searches.
"""

import dataclasses
import re
from collections.abc import Iterator

from kmock.recording.secrets.placeholders import Placeholders, decode_base64, is_placeholder
from kmock.recording.secrets.splicing import Splicer, held_prefix, proper_prefixes

__all__ = ['JWT', 'Credentials']

Text = bytes | bytearray

FIELDS = (b'token', b'password', b'client-key-data', b'client-secret')
_JWT_MARK, _PEM_MARK, _KEY_MARK, _JWT64_MARK = b'eyJ', b'-----BEGIN ', b'LS0tLS1CRUdJTi', b'ZXlK'
_MARKS = (_JWT_MARK, _PEM_MARK, _KEY_MARK, _JWT64_MARK)
_PREFIXES = proper_prefixes([*FIELDS, *_MARKS])

_LONGEST_KEY = 64 * 1024
_LONGEST_FIELD = 1024 * 1024
_LONGEST_LINE = 64 * 1024
_ABOUT = 128  # how far around a field's name its beginning and its colon are looked for

JWT = re.compile(rb'eyJ[\w-]{4,16000}\.eyJ[\w-]{4,16000}\.[\w-]{4,16000}')
_JWT_CUT = re.compile(rb'eyJ[\w-]{0,16000}(?:\.(?:e(?:y(?:J[\w-]{0,16000}(?:\.[\w-]*)?)?)?)?)?\Z')
_JWT_BYTES = b'-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
_BASE64 = re.compile(rb'[A-Za-z0-9+/]{20,65536}={0,2}')
_BASE64_CUT = re.compile(rb'[A-Za-z0-9+/]*={0,2}\Z')
_PEM_LABEL = re.compile(rb'-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY-----')
_PEM_LABEL_CUT = re.compile(rb'-----BEGIN [A-Z0-9 ]{0,43}-{0,5}\Z')
_PEM_RUN = re.compile(rb'(?:[\w+/=:,\s-]++|\\++[nr])*+')
_PEM_RUN_CUT = re.compile(rb'\\*\Z')
_PEM_BODY = re.compile(rb'((?:\s|\\+[nr])*)(.*?)((?:\s|\\+[nr])*)', re.DOTALL)
_BREAKS = re.compile(rb'\\+[nr]|\s')

# A name followed by a colon, or by what may be on the way to one when the text goes on.
_NAMES = [re.compile(name + rb'(?=\\*["\']?(?:\s|\\+[nrt])*+(?::|\\*\Z))') for name in FIELDS]
_IN_JSON = re.compile(rb'(?:[a-z]+-)*+\Z')
_AFTER_IN_JSON = re.compile(rb'(\\*)"(?:\s|\\+[nrt])*:(?:\s|\\+[nrt])*(\\*)"')
_IN_YAML = re.compile(rb"(?:[\r\n]|(\\+)[nr]|(\\*)\"|(\A))([ \t]*(?:- +)*)'?(?:[a-z]+-)*\Z")
_AFTER_IN_YAML = re.compile(rb"'?:[ \t]+")
_AFTER_CUT = re.compile(rb'(?:[\s:"\']|\\+[nrt]|\\)*\Z')
_LINE_END = re.compile(rb'(\\*)([\n\r"nr])')
_QUOTED = re.compile(rb'(\\*["\'])(.*)\1', re.DOTALL)
_BLOCK = re.compile(rb'[|>][-+0-9]*(?:[ \t]+#.*)?')
_NO_SECRETS = frozenset({b'', b'null', b'~', b'Null', b'NULL'})


@dataclasses.dataclass(slots=True)
class _Found:
    """A stretch that is secret; without an end (and a replacement) as long as that has not come."""

    start: int
    end: int | None
    replacement: bytes = b''


class Credentials:
    """Redacts a body by the look of what is in it.

    Args:
        patterns: the user's regular expressions.
        same_length: whether replacements must be as long as what they replace, as in protobuf and in tunnels.
    """

    def __init__(
        self, placeholders: Placeholders, patterns: tuple[re.Pattern[bytes], ...] = (), *, same_length: bool = False
    ) -> None:
        self._placeholders = placeholders
        self._patterns = patterns
        self._same_length = same_length
        self._splicer = Splicer()
        self._searched = 0  # up to where in the stream all is found

    def feed(self, data: bytes) -> list[bytes]:
        if not self._splicer.holds:
            if not self._patterns and not _is_suspicious(data):
                return self._splicer.passed(data)
            self._searched = max(self._searched, self._splicer.base)
        self._splicer.add(data)
        return self._scan(final=False)

    def finish(self) -> list[bytes]:
        return self._scan(final=True)

    def _scan(self, *, final: bool) -> list[bytes]:
        splicer = self._splicer
        text, start = splicer.buffer, max(0, self._searched - splicer.base)
        hold = len(text) if final else self._unsure(text, start)
        closed: list[_Found] = []
        for found in self._find(text, start, final=final):
            if found.end is None:
                hold = min(hold, found.start)
            else:
                closed.append(found)
        closed.sort(key=lambda each: (each.start, -(each.end or 0)))
        # What is found within something that is not decided yet is found again, once it is.
        for found in reversed(closed):
            if (found.end or 0) > hold:
                hold = min(hold, found.start)
        position = start
        for found in closed:
            end = found.end or 0
            if found.start < hold and end > position:
                self._replace(text, found, max(position, found.start))
                position = end
        self._searched = splicer.base + max(hold, start)
        return splicer.release(splicer.end if final else self._searched)

    def _replace(self, text: Text, found: _Found, start: int) -> None:
        end = found.end or 0
        replacement = found.replacement
        if self._same_length and len(replacement) != end - start:
            replacement = replacement[: end - start].ljust(end - start, b'.')
        if replacement != text[start:end]:
            self._splicer.edit(self._splicer.base + start, self._splicer.base + end, replacement)

    def _unsure(self, text: Text, start: int) -> int:
        """From where on the text may be the beginning of something that goes on."""
        hold = len(text) - held_prefix(text[-16:], _PREFIXES)
        if text.find(_JWT_MARK, start) >= 0:
            run = bytes(text[max(start, len(text) - 49_000) :])
            cut = _JWT_CUT.search(run, len(run.rstrip(_JWT_BYTES)))
            if cut is not None:
                hold = min(hold, len(text) - len(run) + cut.start())
        if self._patterns:
            line = text.rfind(b'\n', start) + 1
            hold = min(hold, max(line, start, len(text) - _LONGEST_LINE))
        return hold

    def _find(self, text: Text, start: int, *, final: bool) -> Iterator[_Found]:
        yield from self._tokens(text, start, final=final)
        yield from self._private_keys(text, start, final=final)
        for mark, inner in ((_KEY_MARK, None), (_JWT64_MARK, JWT)):
            yield from self._encoded(text, start, mark, inner, final=final)
        for name in _NAMES:
            for match in name.finditer(text, start):
                found = self._field(text, match.start(), match.end(), final=final)
                if found is not None:
                    yield found
        for pattern in self._patterns:
            yield from self._matches(text, start, pattern, final=final)

    # --- by the value

    def _tokens(self, text: Text, start: int, *, final: bool) -> Iterator[_Found]:
        if text.find(_JWT_MARK, start) < 0:
            return
        for match in JWT.finditer(text, start):
            if match.end() == len(text) and not final:
                yield _Found(match.start(), None)
            else:
                yield _Found(match.start(), match.end(), self._placeholders.text(match[0], 'token'))

    def _private_keys(self, text: Text, start: int, *, final: bool) -> Iterator[_Found]:
        for place in _places(text, _PEM_MARK, start):
            label = _PEM_LABEL.match(text, place)
            if label is None:
                if not final and _PEM_LABEL_CUT.match(text, place):
                    yield _Found(place, None)
                continue
            run = _PEM_RUN.match(text, label.end(), label.end() + _LONGEST_KEY)
            run_end = run.end() if run is not None else label.end()
            end = text.find(b'-----END', label.end(), run_end)
            if end < 0:
                end = run_end
                if not final and _PEM_RUN_CUT.match(text, end):
                    yield _Found(place, None)
                    continue
            body = _PEM_BODY.fullmatch(text, label.end(), end)
            if body is not None and body[2]:
                secret = _BREAKS.sub(b'', body[2])
                if not is_placeholder(secret):
                    replacement = self._placeholders.text(secret, 'private key')
                    yield _Found(body.start(2), body.end(2), replacement)

    def _encoded(
        self, text: Text, start: int, mark: bytes, inner: re.Pattern[bytes] | None, *, final: bool
    ) -> Iterator[_Found]:
        """What is base64 of a token or a private key."""
        place = text.find(mark, start)
        while place >= 0:
            match = _BASE64.match(text, place)
            end = match.end() if match is not None else place + len(mark)
            if not final and (end == len(text) or _BASE64_CUT.match(text, place)):
                yield _Found(place, None)
                return
            if match is not None:
                decoded = decode_base64(bytes(text[place : place + (end - place) // 4 * 4])) or b''
                is_key = inner is None and b'PRIVATE KEY-----' in decoded[:80]
                if is_key or (inner is not None and inner.match(decoded)):
                    what = 'private key' if is_key else 'token'
                    yield _Found(place, end, self._placeholders.base64(match[0], what))
            place = text.find(mark, end)

    def _matches(self, text: Text, start: int, pattern: re.Pattern[bytes], *, final: bool) -> Iterator[_Found]:
        """What a pattern of the user's matches within a line."""
        while start < len(text):
            newline = text.find(b'\n', start)
            end = len(text) if newline < 0 else newline
            for match in pattern.finditer(text, start, end):
                group = 1 if pattern.groups and match.start(1) >= 0 else 0
                if newline < 0 and match.end() == end and not final and end - match.start() < _LONGEST_FIELD:
                    yield _Found(match.start(), None)
                elif match[group]:
                    yield _Found(match.start(group), match.end(group), self._placeholders.text(match[group], 'pattern'))
            start = end + 1

    # --- by the name of the field

    def _field(self, text: Text, place: int, after: int, *, final: bool) -> _Found | None:
        """The value of a field whose name stands at the place, if it is one."""
        before = self._splicer.before(self._splicer.base + place, _ABOUT)
        quote = before.rfind(b'"')
        in_json = _IN_JSON.match(before, quote + 1) if quote >= 0 else None
        in_yaml = _IN_YAML.search(before) if in_json is None else None
        if in_json is None and in_yaml is None:
            return None
        if not final and len(text) - after < _ABOUT and _AFTER_CUT.match(text, after):
            return _Found(place, None)
        if in_json is not None:
            slashes = _slashes_before(before, quote, 0)
            opening = _AFTER_IN_JSON.match(text, after, after + _ABOUT)
            if opening is not None and len(opening[1]) == len(opening[2]) == slashes:
                return self._in_json(text, place, opening.end(), slashes + 1, final=final)
            in_yaml = _IN_YAML.search(before)
        if in_yaml is None or (in_yaml[3] is not None and len(before) == _ABOUT):  # not the beginning of the body
            return None
        return self._in_yaml(text, place, after, in_yaml, final=final)

    def _in_json(self, text: Text, place: int, start: int, depth: int, *, final: bool) -> _Found | None:
        quote = start
        while True:
            quote = text.find(b'"', quote, start + _LONGEST_FIELD)
            if quote < 0:
                end = min(len(text), start + _LONGEST_FIELD)
                if end == len(text) and not final:
                    return _Found(place, None)
                break
            run = _slashes_before(text, quote, start)
            if run % (2 * depth) == depth - 1:
                end = quote - (depth - 1)
                break
            quote += 1
        return self._secret(text, start, end)

    def _in_yaml(self, text: Text, place: int, after: int, before: re.Match[bytes], *, final: bool) -> _Found | None:
        colon = _AFTER_IN_YAML.match(text, after)
        if colon is None:
            return None
        depth = len(before[1]) if before[1] is not None else len(before[2]) + 1 if before[2] is not None else 0
        end, at_quote = _end_of_line(text, colon.end(), depth)
        if end is None:
            if not final and len(text) - colon.end() < _LONGEST_FIELD:
                return _Found(place, None)
            end, at_quote = min(len(text), colon.end() + _LONGEST_FIELD), True
        value = bytes(text[colon.end() : end]).strip()
        if _BLOCK.fullmatch(value):
            return self._block(text, place, end, depth, len(before[4]), at_quote=at_quote, final=final)
        start = colon.end()
        start += len(text[start:end]) - len(bytes(text[start:end]).lstrip())
        if value[:1] in {b'{', b'['} or value in _NO_SECRETS:
            return None
        quoted = _QUOTED.fullmatch(value)
        if quoted is not None:
            return self._secret(text, start + quoted.start(2), start + quoted.end(2))
        return self._secret(text, start, start + len(value))

    def _block(
        self, text: Text, place: int, end: int, depth: int, indent: int, *, at_quote: bool, final: bool
    ) -> _Found | None:
        """A value on the lines below its field: those that are indented deeper."""
        newline = depth + 1 if depth else 1
        first = last = end + newline
        while not at_quote:
            start = end + newline
            line_end, at_quote = _end_of_line(text, start, depth)
            if line_end is None:
                if not final and len(text) - first < _LONGEST_FIELD:
                    return _Found(place, None)
                line_end, at_quote = min(len(text), first + _LONGEST_FIELD), True
            line = bytes(text[start:line_end])
            if line.strip() and len(line) - len(line.lstrip(b' ')) <= indent:
                break
            if line.strip():
                last = line_end
            end = line_end
        start = first + len(text[first:last]) - len(bytes(text[first:last]).lstrip())
        return self._secret(text, start, last) if start < last else None

    def _secret(self, text: Text, start: int, end: int) -> _Found | None:
        value = bytes(text[start:end])
        if value in _NO_SECRETS or is_placeholder(value):
            return None
        return _Found(start, end, self._placeholders.text(value, 'field of credentials'))


def _is_suspicious(data: bytes) -> bool:
    """Whether there may be a secret in a piece, or the beginning of one at its end. The words are searched first."""
    return (
        any(word in data for word in _MARKS)
        or any(word in data and name.search(data) for word, name in zip(FIELDS, _NAMES, strict=True))
        or held_prefix(data, _PREFIXES) > 0
    )


def _places(text: Text, word: bytes, start: int) -> Iterator[int]:
    place = text.find(word, start)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _slashes_before(text: Text, place: int, floor: int) -> int:
    count = 0
    while place - count > floor and text[place - count - 1] == 0x5C:
        count += 1
    return count


def _end_of_line(text: Text, start: int, depth: int) -> tuple[int | None, bool]:
    """Where a line of YAML ends, at this depth of nesting; and whether its string ends there, too."""
    for match in _LINE_END.finditer(text, start, start + _LONGEST_FIELD):
        run, what = len(match[1]), match[2]
        if what in b'\r\n':
            return match.end(1), False
        if depth and what == b'"' and run % (2 * depth) == depth - 1:
            return match.end(1) - (depth - 1), True
        if depth and what in b'nr' and run % (2 * depth) == depth:
            return match.end(1) - depth, False
    return None, False
