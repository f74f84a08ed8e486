"""Which addresses of this machine a server listens on, and one clear error where it can't."""

import asyncio
import errno
import ipaddress
import socket

from kmock.errors import KMockError

__all__ = ['BACKLOG', 'bind_all', 'reachable', 'resolve']

BACKLOG = 1024


def reachable(host: str) -> str:
    """The host by which clients of this machine reach a server that listens on it: loopback for all addresses."""
    return {'0.0.0.0': '127.0.0.1', '::': '::1', '': '127.0.0.1'}.get(host, host)


async def resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses to listen on; numeric ones are not looked up."""
    try:
        address = ipaddress.ip_address(host or '0.0.0.0')
    except ValueError:
        pass
    else:
        return [(socket.AF_INET6 if address.version == 6 else socket.AF_INET, str(address))]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise KMockError(
            f"The host {host!r} to listen on can't be resolved: {getattr(error, 'strerror', None) or error}. "
            'Use a name or an address of this machine, such as 127.0.0.1.'
        ) from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def bind_all(
    host: str,
    addresses: list[tuple[socket.AddressFamily, str]],
    port: int | None,
) -> list[socket.socket]:
    """Bind all addresses to one port. Addresses that this machine lacks are left out as long as one is there."""
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, address in addresses:
        try:
            sockets.append(_bind(family, address, sockets[0].getsockname()[1] if sockets else port or 0))
        except OSError as error:
            failure = error
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                break
    else:
        if sockets:
            return sockets
    for sock in sockets:
        sock.close()
    assert failure is not None
    raise _listening_error(failure, host, port) from failure


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)  # only now is it known whether the port is in use
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _listening_error(error: OSError, host: str, port: int | None) -> KMockError:
    match error.errno:
        case errno.EADDRINUSE:
            return KMockError(f'Port {port} on {host} is in use; choose another one, or none to get a free one.')
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return KMockError(f'{host} is no address of this machine; listen on one of its own, such as 127.0.0.1.')
        case errno.EACCES:
            return KMockError(f'Port {port} on {host} is reserved for the system; choose one above 1023.')
        case _:
            return KMockError(f"Can't listen on {host}, port {port or 'any'}: {error.strerror or error}.")
