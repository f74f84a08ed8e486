"""Cassettes: what passed on the wire, when, and how it ended; written, read, matched, and played. No sockets."""
