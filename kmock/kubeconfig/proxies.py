"""The HTTP proxy on the way to a server, as the environment names it; the rules are those that kubectl follows.

The source: Go's golang.org/x/net/http/httpproxy: HTTPS_PROXY, HTTP_PROXY, NO_PROXY, in both cases of letters;
NO_PROXY holds names with their subdomains, addresses, networks, and `*`; the local host is never asked by a proxy.
"""

import ipaddress
import os

from yarl import URL

__all__ = ['environment_proxy']


def environment_proxy(url: URL) -> str | None:
    """The URL of the proxy for a server; None if it is to be asked directly."""
    proxy = _variable(f'{url.scheme}_proxy')
    host = (url.host or '').lower()
    if proxy is None or host == 'localhost' or _is_excluded(host, url.port):
        return None
    return proxy if '://' in proxy else f'http://{proxy}'


def _variable(name: str) -> str | None:
    return os.environ.get(name.upper()) or os.environ.get(name) or None


def _is_excluded(host: str, port: int | None) -> bool:
    address = _address(host)
    if address is not None and address.is_loopback:
        return True
    for pattern in (_variable('no_proxy') or '').lower().split(','):
        name, _, wanted_port = pattern.strip().rpartition(':')
        if not (name and wanted_port.isdigit() and (':' not in name or name.endswith(']'))):
            name, wanted_port = pattern.strip(), ''
        if name and _matches(host, address, name.strip('[]')) and wanted_port in {'', str(port)}:
            return True
    return False


def _matches(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, name: str) -> bool:
    if name == '*':
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(name, strict=False)
        except ValueError:
            return False
    bare = name.removeprefix('*').removeprefix('.')
    return host.endswith(f'.{bare}') or (host == bare and not name.startswith(('.', '*')))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
