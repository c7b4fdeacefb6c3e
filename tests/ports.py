"""Ports that nothing else takes before a test's server does."""

import random
import socket

# Below those that the kernel gives to clients, of which a cluster's nodes are many.
PORTS = range(10_000, 32_000)
_chance = random.SystemRandom()


def unused_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    while True:
        port = _chance.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
