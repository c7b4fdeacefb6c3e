"""The event log `{p}:events`: how its entries and lines are written, and how they are read.

An entry is one script call: `token <token> at <microseconds since 1970> events <lines>`, the lines joined by newlines.
Line n is event n of the call, empty when that event is not logged, else

    <events_name><effect>|<area_code>|<multiplayer_mode>|<user_id>|<time>

with the effect `+1` or `-1` (applied), `:refreshed`, `:stale` or `:late`; HEAL's is any signed number. The time is
microseconds from `at` with a sign, or since 1970 without one, or nothing for an arrival: `at` + n + 1.

Time is an integer of microseconds in Redis, and float seconds in Postgres and over HTTP; `decode` is where it changes.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.contract.outcome import EventKind, Outcome
from app.contract.token import TOKEN_DIGITS, event_id, recorded_at


class StreamId(NamedTuple):
    """Where an entry stands in the stream; ordered as Redis orders them."""

    ms: int
    seq: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


LOG_START = StreamId(0, 0)


class Entry(NamedTuple):
    """An entry as XRANGE returns it: `fields` are name, value, name, value..."""

    id: StreamId
    fields: list[bytes]


class Call(NamedTuple):
    """What an entry holds: the call's token, its time in microseconds since 1970, its lines."""

    token: str
    at: int
    lines: list[bytes]


class LineKind(NamedTuple):
    """What a line's first field says. `delta` is what the event adds to the counter."""

    events_name: str
    delta: int
    outcome: str


class Row(NamedTuple):
    """An event as area_mode_events stores it, its columns in the table's order. Times: UTC, seconds since 1970."""

    event_id: UUID
    recorded_at: datetime
    area_code: str
    multiplayer_mode: str
    user_id: str
    events_name: str
    epoch_timestamp: float
    delta: int
    outcome: str
    partition: int
    stream_ms: int
    stream_seq: int

    @property
    def position(self) -> int:
        """Its place in the call: the last 16 bits of its identity."""
        return self.event_id.int & 0xFFFF


class Reject(NamedTuple):
    """What cannot be stored, as archive_rejects keeps it."""

    partition: int
    stream_ms: int
    stream_seq: int
    position: int
    raw: bytes
    reason: str


_LOGGED_KINDS = (EventKind.LOGIN, EventKind.LOGOUT, EventKind.HEARTBEAT, EventKind.EXPIRE)
_EFFECTS = (
    ("+1", 1, Outcome.APPLIED),
    ("-1", -1, Outcome.APPLIED),
    (":refreshed", 0, Outcome.REFRESHED),
    (":stale", 0, Outcome.STALE),
    (":late", 0, Outcome.LATE),
)
LINE_KINDS: dict[bytes, LineKind] = {
    (name + effect).encode(): LineKind(name.value, delta, outcome.value)
    for name in _LOGGED_KINDS
    for effect, delta, outcome in _EFFECTS
}
_HEAL = EventKind.HEAL.encode()


def line_kind(head: bytes) -> LineKind:
    """Raises KeyError for what is no line's first field."""
    sign = head[len(_HEAL) : len(_HEAL) + 1]
    if head.startswith(_HEAL) and sign in (b"+", b"-") and head[len(_HEAL) + 1 :].isdigit():
        return LineKind(EventKind.HEAL.value, int(head[len(_HEAL) :]), Outcome.APPLIED.value)
    return LINE_KINDS[head]


def format_line(
    events_name: str,
    delta: int,
    area_code: str,
    mode: str,
    user_id: str,
    time: str = "",
    outcome: Outcome = Outcome.APPLIED,
) -> str:
    """The line of an event; `delta` counts for an applied one only."""
    effect = f"{delta:+d}" if outcome is Outcome.APPLIED else f":{outcome.value}"
    return f"{events_name}{effect}|{area_code}|{mode}|{user_id}|{time}"


def parse_line(line: bytes, at: int, position: int) -> tuple[bytes, bytes, bytes, bytes, int]:
    """(first field, area_code, multiplayer_mode, user_id, time in microseconds since 1970).

    `at` and `position` are the entry's time and the line's number in it. Raises ValueError.
    """
    head, area, mode, user, time = line.split(b"|")
    if not time:
        return head, area, mode, user, at + position + 1
    if time[0] in b"+-":
        return head, area, mode, user, at + int(time)
    return head, area, mode, user, int(time)


def format_entry(token: str, at: int, lines: Iterable[str]) -> list[bytes]:
    """The fields of an entry; `at` in microseconds since 1970."""
    return [b"token", token.encode(), b"at", b"%d" % at, b"events", "\n".join(lines).encode()]


def fields_of(entry: Entry) -> dict[bytes, bytes]:
    """By name; of an entry that is not this service's whatever it has."""
    return dict(zip(entry.fields[::2], entry.fields[1::2], strict=False))


def token_of(entry: Entry) -> str:
    """Empty for an entry that is not of this service."""
    return fields_of(entry).get(b"token", b"").decode(errors="replace")


def parse_entry(entry: Entry) -> Call:
    """Raises ValueError and KeyError for what is not an entry of this service."""
    named = dict(zip(entry.fields[::2], entry.fields[1::2], strict=True))
    token = named[b"token"].decode()
    if len(token) != TOKEN_DIGITS:
        raise ValueError("the token has another length")
    return Call(token, int(named[b"at"]), named[b"events"].split(b"\n"))


def parse_stream_id(text: bytes) -> StreamId:
    """Raises ValueError."""
    ms, _, seq = text.partition(b"-")
    return StreamId(int(ms), int(seq))


def decode(partition: int, entries: Iterable[Entry]) -> tuple[list[Row], list[Reject]]:
    """The rows of log entries, and what in them is not an event as lua/record_events.lua writes it."""
    rows: list[Row] = []
    rejects: list[Reject] = []
    for entry in entries:
        ms, seq = entry.id
        try:
            call = parse_entry(entry)
            recorded = recorded_at(call.token)
        except (ValueError, KeyError) as error:
            reason = f"not an entry of this service: {error}"
            rejects.append(Reject(partition, ms, seq, 0, b"\n".join(entry.fields), reason))
            continue
        for position, line in enumerate(call.lines):
            if not line:
                continue
            try:
                head, area, mode, user, time = parse_line(line, call.at, position)
                kind = line_kind(head)
                row = Row(
                    event_id(call.token, position),
                    recorded,
                    area.decode(),
                    mode.decode(),
                    user.decode(),
                    kind.events_name,
                    time / 1_000_000,
                    kind.delta,
                    kind.outcome,
                    partition,
                    ms,
                    seq,
                )
            except (ValueError, KeyError) as error:
                rejects.append(Reject(partition, ms, seq, position, line, f"not an event line: {error!r}"))
            else:
                rows.append(row)
    return rows, rejects
