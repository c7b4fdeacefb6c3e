"""Log entries as Postgres's binary COPY takes them: bytes cut from the log's lines, no Python object a field.

It does the usual only. What is not an entry of this service raises ValueError, and the batch goes the way of
app.contract.log.decode, which finds the one event that is to blame.
"""

from collections.abc import AsyncIterator, Iterable
from struct import Struct, error, pack

from app.contract.log import LINE_KINDS, Entry, LineKind, line_kind, parse_entry, parse_line
from archiver.counter_deltas import MinuteDeltas, add_delta

_BEGIN = b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, 0)
_END = pack(">h", -1)
# Microseconds from 1970 to 2000, where Postgres counts from.
_EPOCH_2000 = 946_684_800_000_000
_seconds = Struct(">id").pack
_length = Struct(">i").pack
_POSITIONS = [pack(">H", position) for position in range(1 << 16)]
_MAX_REMEMBERED = 100_000


def _field(value: bytes) -> bytes:
    return _length(len(value)) + value


def _fields_of_kind(kind: LineKind) -> tuple[bytes, bytes, int]:
    """(events_name; delta and outcome; the delta)"""
    name, delta, outcome = kind
    return _field(name.encode()), pack(">ii", 4, delta) + _field(outcome.encode()), delta


_kinds = {head: _fields_of_kind(kind) for head, kind in LINE_KINDS.items()}
_names: dict[bytes, bytes] = {}


class BinaryCopyEncoder:
    """Encodes a batch while it is being sent; `changes` is complete when `chunks` has ended."""

    def __init__(self, partition: int, entries: Iterable[Entry]) -> None:
        self._partition = partition
        self._entries = entries
        self.changes: MinuteDeltas = {}

    async def chunks(self) -> AsyncIterator[bytes]:
        """An entry each. Raises ValueError."""
        if len(_names) > _MAX_REMEMBERED:
            _names.clear()
        yield _BEGIN
        for entry in self._entries:
            try:
                yield self._entry(entry)
            except (KeyError, IndexError, error) as problem:
                raise ValueError(f"not an entry of this service: {problem!r}") from problem
        yield _END

    def _entry(self, entry: Entry) -> bytes:
        token, now, lines = parse_entry(entry)
        ms, seq = entry.id
        # The columns in the table's order: event_id is the token and the position.
        begin = pack(">hi", 12, 16) + bytes.fromhex(token)
        recorded = pack(">iq", 8, int(token[:12], 16) * 1000 - _EPOCH_2000)
        end = pack(">iiiqiq", 4, self._partition, 8, ms, 8, seq)
        changes = self.changes
        parts: list[bytes] = []
        for position, line in enumerate(lines):
            if not line:
                continue
            head, area, mode, user, time = parse_line(line, now, position)
            name, outcome, delta = _kinds.get(head) or _fields_of_kind(line_kind(head))
            parts += (
                begin,
                _POSITIONS[position],
                recorded,
                _names.get(area) or _remember(area),
                _names.get(mode) or _remember(mode),
                _length(len(user)),
                user,
                name,
                _seconds(8, time / 1_000_000),
                outcome,
                end,
            )
            if delta:
                add_delta(changes, area, mode, time, delta)
        return b"".join(parts)


def _remember(name: bytes) -> bytes:
    """Areas and modes are few and come again."""
    field = _names[name] = _field(name)
    return field
