"""Where a page ended, as an opaque text that is good for the same question only."""

import base64
import binascii
import struct
from hashlib import blake2b
from uuid import UUID

from app.contract.problem import problem_at
from app.errors import InvalidRequest

_VERSION = b"\x01"
_CHECK_BYTES = 8
_place = struct.Struct(">d16s")
# A multiple of three bytes: no bits of the text are without meaning.
_LENGTH = (len(_VERSION) + _place.size + _CHECK_BYTES) // 3 * 4


def write_cursor(question: str, seconds: float, event_id: str) -> str:
    """`question` is all that decides which rows there are and in which order; the others are the last row's."""
    place = _VERSION + _place.pack(seconds, UUID(event_id).bytes)
    return base64.urlsafe_b64encode(place + _check(question, place)).decode()


def read_cursor(question: str, cursor: str) -> tuple[float, UUID]:
    """(epoch_timestamp, event_id) of the row the page goes on behind. Raises InvalidRequest (400)."""
    try:
        if len(cursor) != _LENGTH:
            raise ValueError
        read = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    place, check = read[:-_CHECK_BYTES], read[-_CHECK_BYTES:]
    if check != _check(question, place):
        raise _invalid()
    seconds, identity = _place.unpack(place[len(_VERSION) :])
    return seconds, UUID(bytes=identity)


def _check(question: str, place: bytes) -> bytes:
    return blake2b(place + question.encode(), digest_size=_CHECK_BYTES, person=b"modepulse-cursor").digest()


def _invalid() -> InvalidRequest:
    message = "cursor is a next_cursor of the same query, unchanged"
    return InvalidRequest(
        400, "invalid_cursor", "The cursor is not valid", [problem_at(["query", "cursor"], "invalid_cursor", message)]
    )
