"""Names of HTTP headers by which a dict after `<<` is told to be headers rather than JSON.

Source: the IANA registry of HTTP field names, those in use today. Kubernetes' own begin with X-.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ['are_headers']

_NAMES = """
    Accept Accept-CH Accept-Charset Accept-Encoding Accept-Language Accept-Patch Accept-Post Accept-Ranges
    Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods
    Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age
    Access-Control-Request-Headers Access-Control-Request-Method Age Allow Alt-Svc Audit-Id Authorization
    Cache-Control Clear-Site-Data Connection Content-Disposition Content-Encoding Content-Language
    Content-Length Content-Location Content-Range Content-Security-Policy Content-Security-Policy-Report-Only
    Content-Type Cookie Cross-Origin-Embedder-Policy Cross-Origin-Opener-Policy Cross-Origin-Resource-Policy
    Date Deprecation Digest DNT ETag Early-Data Expect Expires Forwarded From Host If-Match If-Modified-Since
    If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified Link Location Max-Forwards Origin
    Permissions-Policy Pragma Prefer Preference-Applied Proxy-Authenticate Proxy-Authorization Range Referer
    Referrer-Policy Retry-After Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key
    Sec-WebSocket-Protocol Sec-WebSocket-Version Server Server-Timing Set-Cookie SourceMap
    Strict-Transport-Security Sunset TE Timing-Allow-Origin Trailer Transfer-Encoding Upgrade
    Upgrade-Insecure-Requests User-Agent Vary Via WWW-Authenticate Want-Digest Warning
"""
WELL_KNOWN = frozenset(_NAMES.split())
_LOWERED = frozenset(name.lower() for name in WELL_KNOWN)


def are_headers(values: Mapping[Any, Any]) -> bool:
    """Tell whether a dict has nothing but headers: names well known or beginning with X-, and plain values.

    Names with a dash are known in any case; those of one word only when written as headers are (`Date`, not `date`):
    lower-case words such as `from`, `link`, `host` are common keys of JSON.
    """
    return bool(values) and all(
        isinstance(name, str) and _is_header(name) and isinstance(value, str | int | float)
        for name, value in values.items()
    )


def _is_header(name: str) -> bool:
    if '-' in name:
        return name.lower() in _LOWERED or name[:2] in {'X-', 'x-'}
    return name in WELL_KNOWN
