"""Redaction: what is secret in traffic with a Kubernetes cluster, and who replaces it. Nothing here reads bytes itself.

| where | what | replaced by |
|---|---|---|
| headers, targets | credentials, cookies, tokens, what the user names | this module |
| JSON about secrets, tokens; user's paths | values by their place | secretobjects.py |
| YAML about secrets | values by their place | secretyaml.py |
| protobuf about secrets, tokens | fields by their number | protobuf.py |
| any body | what looks like a token or key; fields of kubeconfigs; user's patterns | credentials.py |

A body about secrets or tokens that can't be read is replaced whole, and said so in `found`.
"""

import dataclasses
import re
import secrets
from collections.abc import Callable, Iterable, Mapping

from kmock.errors import CassetteError, KMockError
from kmock.naming import parse_call, split_target
from kmock.recording.cassette import Header, Headers
from kmock.recording.secrets.credentials import JWT, Credentials
from kmock.recording.secrets.placeholders import Placeholders
from kmock.recording.secrets.protobuf import ProtobufError, redact_envelope, redact_watch_event
from kmock.recording.secrets.secretobjects import EmbeddedSecrets, JsonRules, JsonSecrets, parse_path, redact_string
from kmock.recording.secrets.secretyaml import redact_yaml
from kmock.recording.secrets.skimming import prepare
from kmock.recording.secrets.splicing import ENDLESS, LIMIT, BodyRedactor, Piped, Splicer, Whole

__all__ = ['BodyRedactor', 'Redactor']

_CREDENTIALS = frozenset({'authorization', 'proxy-authorization'})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_WEBSOCKET_TOKEN = 'base64url.bearer.authorization.k8s.io.'
_QUERY_TOKEN = re.compile(r'(?<![^&])((?:access_|id_)?token|password|client_secret)=([^&]+)', re.IGNORECASE)
_TOKEN_PATHS = (('status', 'token'), ('spec', 'token'))
_TEXTUAL = re.compile(r'json|yaml|xml|^text/|urlencoded|^$', re.IGNORECASE)
_PROTOBUF = re.compile(r'vnd\.kubernetes\.protobuf', re.IGNORECASE)
_UNPREFIXED = re.compile(r'/(?:secrets|tokenreviews)(?:/|$)|/serviceaccounts/[^/]+/token$')


class Redactor:
    """Replaces secrets by placeholders, equal ones by equal placeholders. One for a cassette, and for its replay.

    Args:
        key: the key of the placeholders, as the cassette's header has it; None makes a new one.
        headers: names of headers that are secret, besides the usual ones.
        paths: JSON paths of secret values: `spec.password`, `spec.users[*].key`, `metadata.annotations['a.b/c']`.
        patterns: regular expressions of secrets; the first group, or all that matches. They don't match across lines.

    Raises:
        KMockError: a name of a header, a path or a pattern is malformed.
    """

    def __init__(
        self,
        key: bytes | None = None,
        *,
        headers: Iterable[str] = (),
        paths: Iterable[str] = (),
        patterns: Iterable[str] = (),
    ) -> None:
        self.key = secrets.token_bytes(16) if key is None else key
        self._placeholders = Placeholders(self.key)
        headers, paths, patterns = tuple(headers), tuple(paths), tuple(patterns)
        self._own = {'headers': headers, 'paths': paths, 'patterns': patterns}
        self._headers = frozenset(_checked_name(name).lower() for name in headers)
        self._paths = tuple(parse_path(path) for path in paths)
        self._patterns = tuple(_compile(pattern) for pattern in patterns)
        prepare()  # now, rather than amid the traffic

    @classmethod
    def of_header(cls, header: Header) -> 'Redactor | None':
        """The redactor that live requests have to pass before they are compared with a recording.

        None if the recording is not redacted. See `in_header` for what the header must have.

        Raises:
            CassetteError: the rules in the header are malformed.
        """
        if not header.key:
            return None
        own = header.matching.get('redaction', {})
        if not isinstance(own, Mapping) or not own.keys() <= {'headers', 'paths', 'patterns'}:
            raise CassetteError(f'The rules of redaction in the header of the cassette are malformed: {own!r}.')
        lists = {name: list(items) if isinstance(items, list | tuple) else [items] for name, items in own.items()}
        if not all(isinstance(item, str) for items in lists.values() for item in items):
            raise CassetteError(f'The rules of redaction in the header of the cassette are malformed: {own!r}.')
        try:
            return cls(header.key, **lists)
        except KMockError as exc:
            raise CassetteError(f'The rules of redaction in the header of the cassette are malformed: {exc}') from exc

    def in_header(self, header: Header) -> Header:
        """The header of a recording that this redactor redacts; `of_header` makes the same redactor of it again."""
        matching = {**header.matching, 'redaction': self.own_rules} if self.own_rules else header.matching
        return dataclasses.replace(header, key=self.key, matching=matching)

    @property
    def own_rules(self) -> dict[str, list[str]]:
        """The user's headers, paths and patterns, those that there are; see `in_header`."""
        return {name: list(items) for name, items in self._own.items() if items}

    @property
    def found(self) -> tuple[str, ...]:
        """What was replaced so far, a short line a kind."""
        return self._placeholders.found

    # --- heads

    def headers(self, headers: Headers) -> Headers:
        """The headers with their secrets replaced; order, names and everything else stay."""
        return tuple((name, self._header(name.lower(), name, value)) for name, value in headers)

    def _header(self, key: str, name: str, value: str) -> str:
        if key in _CREDENTIALS:
            scheme, blank, credentials = value.partition(' ')
            return scheme + blank + self._text(credentials, name) if blank else self._text(value, name)
        if key == 'cookie':
            return '; '.join(self._pair(pair.strip(), name) for pair in value.split(';'))
        if key == 'set-cookie':
            pair, semicolon, attributes = value.partition(';')
            return self._pair(pair, name) + semicolon + attributes
        if key in self._headers:
            return self._text(value, name)
        if key == 'sec-websocket-protocol':
            value = re.sub(re.escape(_WEBSOCKET_TOKEN) + r'([^\s,]+)', self._websocket_token, value)
        return self.text(value)

    def _pair(self, pair: str, name: str) -> str:
        cookie, equals, value = pair.partition('=')
        return cookie + equals + self._text(value, name) if equals else self._text(pair, name)

    def _websocket_token(self, match: re.Match[str]) -> str:
        return _WEBSOCKET_TOKEN + self._text(match[1], 'Sec-WebSocket-Protocol')

    def _text(self, secret: str, header: str) -> str:
        raw = secret.encode('utf-8', 'surrogateescape')
        what = f'header {header.title()}'
        return self._placeholders.text(raw, what).decode('utf-8', 'surrogateescape')

    def target(self, target: str) -> str:
        """A raw path and query with the tokens in it replaced."""
        path, mark, query = target.partition('?')

        def replaced(match: re.Match[str]) -> str:
            return match[1] + '=' + self._placeholders.text(match[2].encode(), 'query token').decode()

        return self.text(path + mark + _QUERY_TOKEN.sub(replaced, query))

    def text(self, text: str) -> str:
        """Any short text, such as a header's value or the message of an error, without tokens in it."""
        raw = text.encode('utf-8', 'surrogateescape')
        raw = JWT.sub(lambda match: self._placeholders.text(match[0], 'token'), raw)
        for pattern in self._patterns:
            raw = pattern.sub(self._by_pattern, raw)
        return raw.decode('utf-8', 'surrogateescape')

    def _by_pattern(self, match: re.Match[bytes]) -> bytes:
        group = 1 if match.re.groups and match.start(1) >= 0 else 0
        start, end = match.start(group) - match.start(), match.end(group) - match.start()
        return match[0][:start] + self._placeholders.text(match[group], 'pattern') + match[0][end:]

    # --- bodies

    def body(self, target: str, content_type: str, *, request: bool) -> BodyRedactor:
        """A redactor for one body, by the URL of its exchange and by its own media type."""
        about = _about(target)
        media_type = content_type.partition(';')[0].strip().lower()
        same_length = not _TEXTUAL.search(media_type)
        by_look = Credentials(self._placeholders, self._patterns, same_length=same_length)
        if same_length and about is None:
            return by_look
        if about is not None or self._paths:
            by_structure: BodyRedactor = _Sniffed(
                lambda head: self._by_structure(head, about, media_type, content_type, request=request)
            )
        else:
            by_structure = EmbeddedSecrets(self._placeholders)
        return Piped(by_structure, by_look)

    def whole(self, target: str, content_type: str, data: bytes, *, request: bool) -> bytes:
        """A whole body, redacted."""
        redactor = self.body(target, content_type, request=request)
        return b''.join([*redactor.feed(data), *redactor.finish()])

    def tunnel(self) -> BodyRedactor:
        """A redactor for one direction of an upgraded connection: it keeps all lengths, for they belong to frames."""
        return Credentials(self._placeholders, self._patterns, same_length=True)

    def _by_structure(
        self, head: bytes, about: str | None, media_type: str, content_type: str, *, request: bool
    ) -> BodyRedactor:
        is_json = head[:1] in {b'{', b'['}
        if is_json or (about is None and 'json' in media_type):
            rules = JsonRules(
                self._placeholders,
                paths=self._paths + (_TOKEN_PATHS if about == 'tokens' else ()),
                about_secrets=about == 'secrets',
                json_patch=about == 'secrets' and request and 'json-patch' in media_type,
            )
            return JsonSecrets(rules)
        if about is None or media_type.startswith('text/'):
            return EmbeddedSecrets(self._placeholders)
        redact: Callable[[bytes], bytes] = self._unreadable
        if _PROTOBUF.search(media_type):
            if 'stream=watch' in content_type.replace(' ', '').lower():
                return _Frames(self._watch_event, self._placeholders)
            redact = self._protobuf
        elif 'yaml' in media_type and about == 'secrets':
            redact = self._yaml
        return _WholeBody(redact, media_type or 'untyped', self._placeholders)

    def _unreadable(self, body: bytes) -> bytes:
        raise ValueError('The media type is not known.')

    def _yaml(self, body: bytes) -> bytes:
        return redact_yaml(body, self._placeholders, annotation=self._annotation)

    def _protobuf(self, body: bytes) -> bytes:
        return redact_envelope(
            body,
            secret=lambda value: self._placeholders.text(value, 'Secret data'),
            token=lambda value: self._placeholders.text(value, 'token'),
            annotation=self._annotation,
        )

    def _annotation(self, value: bytes) -> bytes:
        return redact_string(value, JsonRules(self._placeholders, paths=self._paths, about_secrets=True))

    def _watch_event(self, frame: bytes) -> bytes:
        return redact_watch_event(frame, self._protobuf)


def _checked_name(name: str) -> str:
    # It would never match, and the secret be written down.
    if not _HEADER_NAME.fullmatch(name):
        raise KMockError(f'{name!r} is no name of a header to redact. Write it like X-Api-Key, without a colon.')
    return name


def _compile(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode())
    except re.error as exc:
        raise KMockError(f'{pattern!r} is no regular expression to redact: {exc}.') from None


def _about(target: str) -> str | None:
    """Whether the bodies of an exchange are made of secrets or tokens, by its URL."""
    path, _ = split_target(target)
    call = parse_call('GET', path)
    if call is None:  # e.g. behind the prefix of a gateway
        found = _UNPREFIXED.search(path)
        return None if found is None else 'secrets' if found[0].startswith('/secrets') else 'tokens'
    if call.resource.plural == 'secrets':
        return 'secrets'
    if call.resource.plural == 'tokenreviews':
        return 'tokens'
    if call.resource.plural == 'serviceaccounts' and call.subresource == 'token':
        return 'tokens'
    return None


class _Sniffed:
    """Chooses a redactor by the first byte that is not blank: media types are not to be relied on."""

    def __init__(self, choose: Callable[[bytes], BodyRedactor]) -> None:
        self._choose = choose
        self._held: list[bytes] = []
        self._chosen: BodyRedactor | None = None

    def feed(self, data: bytes) -> list[bytes]:
        if self._chosen is None:
            self._held.append(data)
            head = data.lstrip(b' \t\r\n')
            if not head:
                return []
            self._chosen = self._choose(head)
            held, self._held = self._held, []
            return [out for piece in held for out in self._chosen.feed(piece)]
        return self._chosen.feed(data)

    def finish(self) -> list[bytes]:
        return self._held if self._chosen is None else self._chosen.finish()


class _WholeBody(Whole):
    """A body that is redacted at its end; if that is impossible, it is replaced whole."""

    def __init__(self, redact: Callable[[bytes], bytes], what: str, placeholders: Placeholders) -> None:
        super().__init__()
        self._redact = redact
        self._what = what
        self._placeholders = placeholders

    def redacted(self, body: bytes) -> bytes:
        try:
            return self._redact(body)
        except (ValueError, RecursionError):
            return self.too_long(body)

    def too_long(self, head: bytes) -> bytes:
        return self._placeholders.text(head, f'a whole body that could not be read ({self._what})')


class _Frames:
    """A watch in protobuf: frames that begin with their length, four bytes, big-endian."""

    def __init__(self, redact: Callable[[bytes], bytes], placeholders: Placeholders) -> None:
        self._redact = redact
        self._placeholders = placeholders
        self._splicer = Splicer()
        self._place = 0

    def feed(self, data: bytes) -> list[bytes]:
        splicer = self._splicer
        splicer.add(data)
        while splicer.end - self._place >= 4:
            start = self._place - splicer.base
            size = int.from_bytes(splicer.buffer[start : start + 4], 'big')
            if size > LIMIT:
                self._replace_rest('one that is too long')
                break
            if splicer.end - self._place < 4 + size:
                break
            self._frame(bytes(splicer.buffer[start + 4 : start + 4 + size]))
        return splicer.release(self._place)

    def _frame(self, frame: bytes) -> None:
        try:
            redacted = self._redact(frame)
        except (ProtobufError, RecursionError):
            redacted = self._placeholders.text(frame, 'a watch event that could not be read (protobuf)')
        end = self._place + 4 + len(frame)
        if redacted != frame:
            self._splicer.edit(self._place, end, len(redacted).to_bytes(4, 'big') + redacted)
        self._place = end

    def finish(self) -> list[bytes]:
        self._replace_rest('one that is cut off')
        return self._splicer.release(self._splicer.end)

    def _replace_rest(self, why: str) -> None:
        """A frame that will not be seen whole can't be judged."""
        rest = bytes(self._splicer.buffer[self._place - self._splicer.base :])
        if rest and self._place < ENDLESS:
            what = f'a watch event that could not be read (protobuf: {why})'
            self._splicer.edit(self._place, ENDLESS, self._placeholders.text(rest[:LIMIT], what))
            self._place = ENDLESS
