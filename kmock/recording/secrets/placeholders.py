"""What stands in the place of a secret: placeholders that are equal where the secrets are equal, within one cassette.

A placeholder is `REDACTED-` and 8 hexadecimal digits of an HMAC of the secret with the cassette's key. The key is kept
in the cassette, for live requests are matched with recorded ones. So the digest is short on purpose: enough to
tell the secrets of one recording apart, too little to confirm a guessed password.
"""

import base64
import binascii
import hmac
import re

__all__ = ['Placeholders', 'decode_base64', 'is_placeholder']

# Also those of other recorders: the bare word, or one padded with dots to the length of what it replaced.
_PLACEHOLDER = re.compile(rb'REDACTED(?:-[0-9a-f]{0,8})?\.*')


def is_placeholder(value: bytes) -> bool:
    """Whether a value, in plain or in base64, has been redacted already."""
    if value.startswith(b'REDACTED'):
        return _PLACEHOLDER.fullmatch(value) is not None
    return value.startswith(b'UkVEQUNURUQ') and _PLACEHOLDER.fullmatch(decode_base64(value) or b'') is not None


def decode_base64(value: bytes) -> bytes | None:
    """The bytes behind a base64 value (padding may lack); None if it is none."""
    try:
        return base64.b64decode(value + b'=' * (-len(value) % 4) if len(value) % 4 else value, validate=True)
    except (binascii.Error, ValueError):
        return None


class Placeholders:
    """Makes the placeholders of one cassette, and remembers what kinds of secrets they replaced."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self._found: dict[str, None] = {}

    @property
    def found(self) -> tuple[str, ...]:
        return tuple(self._found)

    def note(self, what: str) -> None:
        self._found[what] = None

    def text(self, secret: bytes, what: str) -> bytes:
        """The placeholder of a secret; what is empty or a placeholder already stays as it is."""
        if not secret or is_placeholder(secret):
            return secret
        return self._made(secret, what)

    def base64(self, value: bytes, what: str) -> bytes:
        """The same for a secret in base64: the base64 of the placeholder that the decoded secret has."""
        decoded = decode_base64(value)
        secret = value if decoded is None else decoded
        if not secret:
            return b''
        if is_placeholder(secret):
            return value
        return binascii.b2a_base64(self._made(secret, what), newline=False)

    def _made(self, secret: bytes, what: str) -> bytes:
        self._found[what] = None
        return b'REDACTED-' + hmac.digest(self.key, secret, 'sha256')[:4].hex().encode()
