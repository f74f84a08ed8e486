"""Regular expressions as Go understands them (RE2), for schemas' patterns and CEL's `matches`.

Python's `re` is near enough after a translation: `$` and `\\z`, POSIX classes, `\\Q..\\E`, flags in the middle, and the
classes of letters and numbers. Back references and look-around are refused, as RE2 refuses them.
Source: the syntax of RE2.
"""

import functools
import re

__all__ = ['PatternError', 'go_pattern']

_POSIX = {
    'alnum': '0-9A-Za-z', 'alpha': 'A-Za-z', 'ascii': '\\x00-\\x7F', 'blank': '\\t ', 'cntrl': '\\x00-\\x1F\\x7F',
    'digit': '0-9', 'graph': '!-~', 'lower': 'a-z', 'print': ' -~', 'punct': '!-/:-@\\[-`{-~',
    'space': '\\t\\n\\v\\f\\r ', 'upper': 'A-Z', 'word': '0-9A-Za-z_', 'xdigit': '0-9A-Fa-f',
}  # fmt: skip
_LETTERS = 'A-Za-zªµºÀ-ÖØ-öø-ˁͰ-ͽͿ-ҁҊ-ՖՠՙՀ-ֈא-תؠ-يऄ-ह฀-ฯᄀ-ᇿḀ-ỿἀ-ᾼⰀ-ⳤ぀-ヿ㄀-ㄯ㐀-䶿一-鿿가-힣豈-﫿'
_UNICODE = {
    'L': _LETTERS, 'Lu': 'A-ZÀ-ÖØ-ÞΑ-ΡΣ-ΫЀ-Я', 'Ll': 'a-zß-öø-ÿα-ωа-џ',
    'N': '0-9²³¹¼-¾٠-٩०-९０-９', 'Nd': '0-9٠-٩०-९０-９',
    'P': '!-#%-*,-/:;?@\\[-\\]_{}¡§«¶·»¿‐-‧', 'S': '$+<->\\^`|~¢-©¬®-±´¸×÷₠-⃀', 'Z': '  -   ',
    'Latin': 'A-Za-zªºÀ-ÖØ-öø-ʸ', 'Greek': 'Ͱ-ͽΑ-Ͽ', 'Cyrillic': 'Ѐ-ԯ', 'Han': '㐀-䶿一-鿿', 'Hangul': '가-힣',
}  # fmt: skip
_REPETITION = re.compile(r'(?:[*+?]|\{\d+(?:,\d*)?\})\??')
_LAST_REPETITION = re.compile(rf'{_REPETITION.pattern}$')
_FLAGS = re.compile(r'\(\?([imsU]*)(-[imsU]+)?\)')


class PatternError(ValueError):
    """The pattern is none of RE2."""


@functools.lru_cache(maxsize=1024)
def go_pattern(text: str) -> re.Pattern[str]:
    """The pattern, to be used with `search`.

    Raises:
        PatternError: RE2 would refuse it.
    """
    try:
        return re.compile(_Translation(text).run(), re.ASCII)
    except re.error as error:
        raise PatternError(f'error parsing regexp: {_worded(error, text)}') from error
    except (OverflowError, RecursionError) as error:
        raise PatternError(f'error parsing regexp: {error}') from error


def _worded(error: re.error, text: str) -> str:
    """What Go says of what Python says; Python has seen the translation, which differs little."""
    said, found = error.msg, str(error.pattern or '')
    at = error.pos or 0
    operator = _REPETITION.match(found, at)
    repeated = operator[0] if operator is not None else ''
    if said.startswith('missing ), unterminated'):
        return f'missing closing ): `{text}`'
    if said.startswith('unbalanced parenthesis'):
        return f'unexpected ): `{text}`'
    if said.startswith('nothing to repeat'):
        return f'missing argument to repetition operator: `{repeated}`'
    if said.startswith('multiple repeat'):
        before = _LAST_REPETITION.search(found[:at])
        return f'invalid nested repetition operator: `{before[0] if before is not None else ""}{repeated}`'
    if said.startswith('bad escape '):
        return f'invalid escape sequence: `{said.removeprefix("bad escape ")}`'
    if said.startswith('bad character range '):
        return f'invalid character class range: `{said.removeprefix("bad character range ")}`'
    if said.startswith('min repeat greater'):
        counts = found.rfind('{', 0, at + 1)
        return f'invalid repeat count: `{found[counts : found.find("}", counts) + 1]}`'
    return str(error)


class _Translation:
    """One pass over a pattern; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []
        self._open: list[int] = [0]  # how many flag groups to close, a level of parentheses

    def run(self) -> str:
        while self._at < len(self._text):
            self._step()
        self._out.append(')' * self._open[0])
        return ''.join(self._out)

    def _put(self, written: str, length: int) -> None:
        self._out.append(written)
        self._at += length

    def _step(self) -> None:
        character = self._text[self._at]
        if character == '\\':
            self._escape(in_class=False)
        elif character == '[':
            self._class()
        elif character == '(':
            self._group()
        elif character == ')':
            closing = self._open.pop() if len(self._open) > 1 else 0
            self._put(')' * (closing + 1), 1)
        elif character == '$':
            self._put('\\Z', 1)
        elif character in '*+?}' and self._text[self._at + 1 : self._at + 2] == '+':
            wrong = self._text[self._at : self._at + 2]
            raise PatternError(f'error parsing regexp: invalid nested repetition operator: `{wrong}`')
        else:
            self._put(character, 1)

    def _group(self) -> None:
        rest = self._text[self._at :]
        flags = _FLAGS.match(rest)
        if flags is not None:
            wanted = flags[1].replace('U', '')
            unwanted = (flags[2] or '').replace('U', '')
            self._open[-1] += 1
            self._put(f'(?{wanted}{unwanted if len(unwanted) > 1 else ""}:', len(flags[0]))
            return
        if rest.startswith(('(?<=', '(?<!')):
            named = rest[: rest.index('>') + 1] if '>' in rest else rest
            raise PatternError(f'error parsing regexp: invalid named capture: `{named}`')
        if rest.startswith(('(?=', '(?!', '(?>', '(?(', '(?#', '(?P=', '(?P>')):
            raise PatternError(f'error parsing regexp: invalid or unsupported Perl syntax: `{rest[:3]}`')
        self._open.append(0)
        if rest.startswith('(?<'):
            self._put('(?P<', 3)
        else:
            self._put('(', 1)

    def _escape(self, *, in_class: bool) -> None:
        rest = self._text[self._at :]
        following = rest[1:2]
        if following == 'Q':
            quoted = rest[2:].partition('\\E')
            self._put(re.escape(quoted[0]), 2 + len(quoted[0]) + len(quoted[1]))
        elif following == 'z':
            self._put('\\Z', 2)
        elif following in ('p', 'P'):
            self._property(rest, in_class=in_class)
        elif rest.startswith('\\x{'):
            code, _, _ = rest[3:].partition('}')
            try:
                self._put(re.escape(chr(int(code, 16))), 4 + len(code))
            except (ValueError, OverflowError) as error:
                raise PatternError(f'error parsing regexp: invalid escape sequence: `{rest[:10]}`') from error
        elif following == '':
            raise PatternError('error parsing regexp: trailing backslash at end of expression: ``')
        elif following == 'Z' or (following.isdigit() and following != '0'):
            raise PatternError(f'error parsing regexp: invalid escape sequence: `{rest[:2]}`')
        else:
            self._put(rest[:2], 2)

    def _property(self, rest: str, *, in_class: bool) -> None:
        if rest[2:3] == '{':
            name, _, _ = rest[3:].partition('}')
            length = 4 + len(name)
        else:
            name, length = rest[2:3], 3
        negated = (rest[1] == 'P') != name.startswith('^')
        ranges = _UNICODE.get(name.lstrip('^'))
        if ranges is None:
            raise PatternError(f'error parsing regexp: invalid character class range: `{rest[:length]}`')
        if in_class and negated:
            raise PatternError('A negated property within a class is not supported.')
        self._put(ranges if in_class else f'[{"^" if negated else ""}{ranges}]', length)

    def _class(self) -> None:
        start = self._at
        self._put('[', 1)
        if self._text[self._at : self._at + 1] == '^':
            self._put('^', 1)
        if self._text[self._at : self._at + 1] == ']':
            self._put('\\]', 1)
        while self._at < len(self._text) and self._text[self._at] != ']':
            rest = self._text[self._at :]
            if rest.startswith('[:') and ':]' in rest:
                name = rest[2 : rest.index(':]')]
                if name.lstrip('^') not in _POSIX or name.startswith('^'):
                    raise PatternError(f'error parsing regexp: invalid character class range: `[:{name}:]`')
                self._put(_POSIX[name], len(name) + 4)
            elif rest[0] == '\\':
                self._escape(in_class=True)
            else:
                # what Python reserves for operations on sets
                reserved = rest[0] in '[&~|' or (rest[0] == '-' and self._text[self._at - 1] == '-')
                self._put('\\' + rest[0] if reserved else rest[0], 1)
        if self._at >= len(self._text):
            raise PatternError(f'error parsing regexp: missing closing ]: `{self._text[start:]}`')
        self._put(']', 1)
