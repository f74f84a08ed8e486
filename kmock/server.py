"""The server edge: aiohttp requests in, answers out; TLS; upgrades taken over."""
