"""The end of a page as an opaque text, valid for the same question only."""

import base64
import binascii
import struct
from hashlib import blake2b
from uuid import UUID

from app.contract.problem import problem_at
from app.errors import InvalidRequest

_VERSION = b"\x01"
_CHECKSUM_BYTES = 8
_sort_key = struct.Struct(">d16s")  # epoch_timestamp, event_id
# A multiple of three bytes: every bit of the text has a meaning.
_LENGTH = (len(_VERSION) + _sort_key.size + _CHECKSUM_BYTES) // 3 * 4


def write_cursor(question: str, seconds: float, event_id: str) -> str:
    """The cursor behind the row with this `epoch_timestamp` and `event_id`.

    `question`: everything that decides which rows there are and in which order.
    """
    content = _VERSION + _sort_key.pack(seconds, UUID(event_id).bytes)
    return base64.urlsafe_b64encode(content + _checksum(question, content)).decode()


def read_cursor(question: str, cursor: str) -> tuple[float, UUID]:
    """(epoch_timestamp, event_id) of the row that the page follows. Raises InvalidRequest (400)."""
    try:
        if len(cursor) != _LENGTH:
            raise ValueError
        read = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    content, checksum = read[:-_CHECKSUM_BYTES], read[-_CHECKSUM_BYTES:]
    if checksum != _checksum(question, content):
        raise _invalid()
    seconds, event_id = _sort_key.unpack(content[len(_VERSION) :])
    return seconds, UUID(bytes=event_id)


def _checksum(question: str, content: bytes) -> bytes:
    """Finds changed and foreign cursors. No signature: a cursor holds no secret."""
    return blake2b(content + question.encode(), digest_size=_CHECKSUM_BYTES, person=b"modepulse-cursor").digest()


def _invalid() -> InvalidRequest:
    message = "cursor is a next_cursor of the same query, unchanged"
    return InvalidRequest(
        400, "invalid_cursor", "The cursor is not valid", [problem_at(["query", "cursor"], "invalid_cursor", message)]
    )
