"""Log entries as Postgres's binary COPY takes them: bytes cut from the log's lines, no Python object a field.

Only the ordinary case is handled here. Anything that is not an entry of this service raises ValueError, and the batch
is decoded by app.contract.log.decode instead, which finds the one event that is to blame.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from struct import Struct, error, pack

from app.contract.log import LINE_KINDS, Entry, LineKind, line_kind, parse_entry, parse_line
from archiver.counter_deltas import MinuteDeltas, add_delta

_HEADER = b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, 0)
_TRAILER = pack(">h", -1)
# Microseconds from 1970 to 2000, where Postgres counts from.
_EPOCH_2000 = 946_684_800_000_000
_float_field = Struct(">id").pack
_length = Struct(">i").pack
_POSITIONS = [pack(">H", position) for position in range(1 << 16)]
_MAX_CACHED_NAMES = 100_000


def _field(value: bytes) -> bytes:
    return _length(len(value)) + value


def _fields_of_kind(kind: LineKind) -> tuple[bytes, bytes, int]:
    """(events_name, delta and outcome, the delta as a number); a plain tuple, which unpacks faster than a named one."""
    events_name, outcome = _field(kind.events_name.encode()), _field(kind.outcome.encode())
    return events_name, pack(">ii", 4, kind.delta) + outcome, kind.delta


_kind_fields = {head: _fields_of_kind(kind) for head, kind in LINE_KINDS.items()}
# Of areas and modes: few, and found in most lines.
_name_fields: dict[bytes, bytes] = {}


class BinaryCopyEncoder:
    """Encodes a batch while it is being sent; `deltas` and `heads` are complete when `chunks` is exhausted."""

    def __init__(self, partition: int, entries: Iterable[Entry]) -> None:
        self._partition = partition
        self._entries = entries
        self.deltas: MinuteDeltas = {}
        self.heads: Counter[bytes] = Counter()
        """How many lines there were, by their first field."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The header, a chunk for each entry, the trailer. Raises ValueError."""
        if len(_name_fields) > _MAX_CACHED_NAMES:
            _name_fields.clear()
        yield _HEADER
        for entry in self._entries:
            try:
                yield self._rows(entry)
            except (KeyError, IndexError, error) as problem:
                raise ValueError(f"not an entry of this service: {problem!r}") from problem
        yield _TRAILER

    def _rows(self, entry: Entry) -> bytes:
        """The columns in the table's order; an event_id is the call's token and the event's position in the call."""
        token, now, lines = parse_entry(entry)
        ms, seq = entry.id
        prefix = pack(">hi", 12, 16) + bytes.fromhex(token)
        recorded_at = pack(">iq", 8, int(token[:12], 16) * 1000 - _EPOCH_2000)
        suffix = pack(">iiiqiq", 4, self._partition, 8, ms, 8, seq)
        deltas = self.deltas
        fields: list[bytes] = []
        heads: list[bytes] = []
        for position, line in enumerate(lines):
            if not line:
                continue
            kind, area, mode, user, time = parse_line(line, now, position)
            heads.append(kind)
            events_name, delta_and_outcome, delta = _kind_fields.get(kind) or _fields_of_kind(line_kind(kind))
            fields += (
                prefix,
                _POSITIONS[position],
                recorded_at,
                _name_fields.get(area) or _cache_name(area),
                _name_fields.get(mode) or _cache_name(mode),
                _length(len(user)),
                user,
                events_name,
                _float_field(8, time / 1_000_000),
                delta_and_outcome,
                suffix,
            )
            if delta:
                add_delta(deltas, area, mode, time, delta)
        self.heads.update(heads)
        return b"".join(fields)


def _cache_name(name: bytes) -> bytes:
    field = _name_fields[name] = _field(name)
    return field
