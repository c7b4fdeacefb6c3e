"""The end of a page as an opaque text, signed, and valid for the same question only."""

import base64
import binascii
import hmac
import struct
from uuid import UUID

from app.contract.problem import problem_at
from app.errors import InvalidRequest

PURPOSE = b"cursor"
"""Of the key that signs cursors."""

_VERSION = b"c2"
_SIGNATURE_BYTES = 16
_sort_key = struct.Struct(">d16s")  # epoch_timestamp, event_id
# A multiple of three bytes: every bit of the text has a meaning.
_LENGTH = (len(_VERSION) + _sort_key.size + _SIGNATURE_BYTES) // 3 * 4


def write_cursor(key: bytes, question: str, seconds: float, event_id: str) -> str:
    """The cursor behind the row with this `epoch_timestamp` and `event_id`.

    `question`: everything that decides which rows there are and in which order.
    """
    content = _VERSION + _sort_key.pack(seconds, UUID(event_id).bytes)
    return base64.urlsafe_b64encode(content + _signature(key, question, content)).decode()


def read_cursor(key: bytes, question: str, cursor: str) -> tuple[float, UUID]:
    """(epoch_timestamp, event_id) of the row that the page follows. Raises InvalidRequest (400).

    Only what write_cursor() has made is read, so the time is that of a row.
    """
    try:
        if len(cursor) != _LENGTH:
            raise ValueError
        read = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    content, signature = read[:-_SIGNATURE_BYTES], read[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(key, question, content)):
        raise _invalid()
    seconds, event_id = _sort_key.unpack(content[len(_VERSION) :])
    return seconds, UUID(bytes=event_id)


def _signature(key: bytes, question: str, content: bytes) -> bytes:
    """HMAC-SHA256; `content` has one length, so it cannot run into the question."""
    return hmac.digest(key, content + question.encode(), "sha256")[:_SIGNATURE_BYTES]


def _invalid() -> InvalidRequest:
    message = "cursor is a next_cursor of the same query, unchanged"
    return InvalidRequest(
        400, "invalid_cursor", "The cursor is not valid", [problem_at(["query", "cursor"], "invalid_cursor", message)]
    )
