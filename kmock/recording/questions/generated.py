"""Text that looks made up at random or taken from a clock, and what stands in its place where requests are compared."""

import re

__all__ = ['IGNORED', 'JSON', 'MARK', 'RANDOM', 'SET', 'TIME', 'is_epoch', 'is_timestamp', 'loosen', 'without_uids']

# Replacements begin with a character that text of Kubernetes never has, so that they are equal to nothing recorded.
MARK = '\0'
SET = MARK + 'set'
TIME = MARK + 'time'
RANDOM = MARK + 'random'
JSON = MARK + 'json'
IGNORED = MARK + 'ignored'

_TIMESTAMP = r'\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?'
_UUID = r'[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'
is_timestamp = re.compile(_TIMESTAMP).fullmatch
_uuids = re.compile(_UUID)
_words = re.compile(rf'(?P<uuid>{_UUID})|(?P<time>{_TIMESTAMP})|(?<![0-9A-Za-z])[0-9A-Za-z]{{5,32}}(?![0-9A-Za-z])')
_is_hexadecimal = re.compile(r'(?=.*[0-9])(?=.*[a-f])[0-9a-f]{6,32}').fullmatch
is_epoch = re.compile(r'1[5-9]\d{8}(?:\d{3}|\d{6}|\d{9})?').fullmatch
# The API server's names.SimpleNameGenerator and the hashes of pod templates use letters that form no words.
_is_generated = re.compile(r'[bcdfghjklmnpqrstvwxz2456789]{5}|[bcdfghjklmnpqrstvwxz2456789]{8,10}').fullmatch


def loosen(text: str) -> str:
    """Replace whatever looks made up at random, or taken from a clock, wherever it stands in a text."""
    return _words.sub(_loosen_word, text)


def _loosen_word(match: re.Match[str]) -> str:
    word = match.group()
    if match['uuid'] or match['time']:
        return RANDOM if match['uuid'] else TIME
    after_dash = match.start() > 0 and match.string[match.start() - 1] == '-'
    if _is_hexadecimal(word) or is_epoch(word) or (after_dash and _is_generated(word)):
        return RANDOM
    return word


def without_uids(text: str) -> str:
    """Replace the UUIDs in a text, and nothing else."""
    return _uuids.sub(RANDOM, text)
