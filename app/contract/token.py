"""Identities. A script call has a token (a UUIDv7); an event's identity is that token and its position in
the call, together one UUID: the token's last 16 bits are left zero for the position."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID

# 28 hexadecimal digits; the 4 that are missing are the position.
TOKEN_DIGITS = 28


def new_token(milliseconds: int | None = None) -> str:
    """A UUIDv7 of that time or made now, without its last four digits."""
    if milliseconds is None:
        milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(8))
    bits = milliseconds << 80 | 0x7 << 76 | (random >> 52) << 64 | 0b10 << 62 | random & 0x3FFFFFFFFFFF << 16
    return f"{bits:032x}"[:TOKEN_DIGITS]


def event_id(token: str, position: int) -> UUID:
    """The identity of the event at that position of the call, from 0."""
    return UUID(hex=f"{token}{position:04x}")


def recorded_at(token: str) -> datetime:
    """The token's own time, so that it is the same at every try; milliseconds."""
    return datetime.fromtimestamp(int(token[:12], 16) / 1000, UTC)
