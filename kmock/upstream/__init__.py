"""The client edge: a responder that asks a real server; credentials, upgrades, and how things break.

target.py    whom to ask and as whom: Target, Login; the rules for headers that pass
client.py    Upstream, the responder (aiohttp)
bodies.py    bodies on their way: the request's up, the response's down
tunnel.py    upgraded connections (WebSocket, SPDY), on a raw connection of their own
failures.py  foreign errors → UpstreamError, in words for people

Where the target and its credentials come from is known to `kmock.kubeconfig`.
"""

from kmock.upstream.client import Upstream
from kmock.upstream.target import Login, Target

__all__ = ['Login', 'Target', 'Upstream']
