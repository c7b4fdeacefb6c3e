"""Query parameters: numbers, times, names, words and cursors that are none."""

import base64
import struct
from hashlib import blake2b

from tests.bad_input.paths import UNDECODABLE
from tests.bad_input.row import Row

# No number from 1 to 1,000.
NO_NUMBER = (
    "", "0", "00", "-1", "-0", "+1", "%2B1", "%201", "1%20", "1%00", "%001", "1%0A", "1.0", "1.", ".1", "1,0", "1e2",
    "1E2", "0x10", "0b1", "1_0", "1%C2%A0", "%EF%BC%95", "%C2%B2", "%D9%A3", "%E0%A5%AB", "%F0%9D%9F%8F", "%E2%91%A0",
    "NaN", "inf", "-inf", "Infinity", "1e400", "null", "true", "ten", "[1]", "1001001", "9" * 25, "0" * 18 + "1" * 8,
    "0" * 5000, "0" * 5000 + "9" * 10, "9" * 10_000, "-" + "9" * 10_000, "2147483648", "18446744073709551617",
)  # fmt: skip
NO_TIME = (
    "", "%20", "%00", "5%00", "%005", "5%0A", "+5", "%2B5", ".5", "-.5", "1.0000000001", "1e5", "1E400", "-1e400",
    "0x10", "1_0", "nan", "NaN", "inf", "-inf", "Infinity", "1,5", "%EF%BC%95", "%D9%A3", "1" * 16, "9" * 10_000,
    "0" * 10_000, "1." + "0" * 5000, "yesterday", "now", "24.11.2026", "11/24/2026", "2026-13-01", "2026-02-30",
    "2026-00-01", "0000-01-01", "10000-01-01", "2026-W54-1", "2026-11-24T", "2026-11-24T8", "2026-11-24T25:00",
    "2026-11-24T08:60", "2026-11-24T08:00:61", "2026-11-24x08:00", "2026-11-24-08:00", "2026-11-24%2B02:00",
    "2026-11-24%E2%80%A808:00", "2026-11-24T08:00%00", "2026-11-24T08:00Z%00", "2026-11-24%00",
    "2026-11-24T08:00:00.%00", "2026-11-24%0A", "2026-11-24T08:00%2B25:00", "2026-11-24T08:00ZZ", "T08:00",
    "%EF%BC%92026-11-24", "2026-11-24T08:00" + "0" * 5000,
)  # fmt: skip
OUT_OF_TIME = (
    "-1", "-0.000001", "-" + "9" * 15, "9" * 15, "32472144001", "1795490591055", "1969-12-31T23:59:59Z", "3000-01-01",
    "9999-12-31", "0001-01-01", "1970-01-01T00:00%2B00:01",
)  # fmt: skip
NO_NAME = (
    "", "%00", "111%00", "%00111", "111%0A", "%0D", "%09", "%1F", "%7F", "%C2%80", "%C2%85", "%C2%9F", "a|b", "a%7Cb",
    "x" * 256, "%F0%9F%8E%AE" * 256, "x" * 30_000,
)  # fmt: skip
LISTS = ("111,112", "1,2,3", "0,0", "111%2C112", ",".join("1" * 1000))
TIMES = ("/events?", "/history?area_code=111&", "/history/top?area_code=111&", "/users/ann/history?")
EVENT_ID = bytes.fromhex("01a20b94314e7ac1ac1a66066c2f0000")


def checked(seconds: float) -> str:
    """A cursor as it was before it was signed, with the checksum that everybody could compute."""
    content = b"\x01" + struct.pack(">d16s", seconds, EVENT_ID)
    question = b"events|desc|from=None|to=None"
    checksum = blake2b(content + question, digest_size=8, person=b"modepulse-cursor").digest()
    return base64.urlsafe_b64encode(content + checksum).decode()


def unsigned(seconds: float) -> str:
    """A cursor of today, made by somebody who does not have the key."""
    return base64.urlsafe_b64encode(b"c2" + struct.pack(">d16s", seconds, EVENT_ID) + bytes(16)).decode()


INFINITE = float("inf")
FORGED = tuple(
    make(seconds)
    for make in (checked, unsigned)
    for seconds in (1_795_490_591.0, INFINITE, -INFINITE, float("nan"), 1e308, -1e308, 1e15, -1.0, 0.0, 5e-324)
)
NO_CURSOR = ("", "x", "%00", "A" * 56, "A" * 55, "_" * 56, "%2B" * 56, "%3D" * 56, "%C3%A9" * 56, "A" * 60_000, *FORGED)


def wrong(name: str, line: str, values: tuple[str, ...] = ("",)) -> Row:
    """Requests in which one parameter is not valid."""
    return Row(422, "invalid_query", ["query", name], line, values)


QUERIES = [
    # Numbers.
    wrong("limit", "GET /stats?area_code=111&limit=§", NO_NUMBER),
    wrong("limit", "GET /stats/stream?area_code=111&limit=§", NO_NUMBER),
    *(wrong("limit", f"GET /{path}?limit=§", (*NO_NUMBER, "5001")) for path in ("areas", "modes")),
    *(
        wrong("offset", f"GET /{path}?offset=§", ("", "-1", "+1", "1.0", "1e2", "x", "10000001", "9" * 10_000))
        for path in ("areas", "modes")
    ),
    wrong("limit", "GET /stats/stream?area_code=*&limit=§", ("0", "-1", "5001")),
    wrong("limit", "GET /events?limit=§", (*NO_NUMBER, "1001")),
    wrong("limit", "GET /events?format=csv&limit=§", ("0", "-1", "1001", "9" * 30)),
    wrong("limit", "GET /users/ann/history?limit=§", (*NO_NUMBER, "1001")),
    wrong("step", "GET /history?area_code=111&step=§", (*NO_NUMBER, "59", "61", "31622460")),
    wrong("step", "GET /history/top?area_code=111&step=§", NO_NUMBER),
    wrong("step", "GET /history?area_code=111&from=0&step=§", ("60", "3600")),
    # Times.
    *(
        wrong(name, f"GET {line}{name}=§", (*NO_TIME, *OUT_OF_TIME)[:: 1 if n < 2 else 4])
        for name in ("from", "to")
        for n, line in enumerate(TIMES)
    ),
    *(wrong("to", f"GET {line}from=2&to=1") for line in TIMES),
    # Names.
    wrong("area_code", "GET /stats?area_code=§", (*NO_NAME, *LISTS, "*")),
    wrong("area_code", "GET /stats?area_code=111&area_code=§", ("", "%00", "1,2", "*")),
    wrong("area_code", "GET /stats/stream?area_code=§", (*NO_NAME, *LISTS)),
    wrong("area_code", "GET /stats/stream?area_code=*&area_code=§", ("111", "")),
    wrong("area_code", "GET /stats?§", ("", "=", "area=1", "area_code", "AREA_CODE=1", "&&")),
    wrong("area_code", "GET /stats?§", ("&".join(["area_code=1"] * 1001),)),
    wrong("area_code", "GET /stats/stream?§", ("", "&".join(["area_code=1"] * 101))),
    wrong("area_code", "GET /history?§", ("", "area_code=", "area_code=1&area_code=2")),
    wrong("area_code", "GET /history/top?area_code=§", NO_NAME[:6]),
    wrong("area_code", "GET /events?area_code=§", NO_NAME),
    wrong("multiplayer_mode", "GET /events?multiplayer_mode=§", NO_NAME),
    wrong("multiplayer_mode", "GET /history?area_code=1&multiplayer_mode=§", NO_NAME[:6]),
    wrong("user_id", "GET /events?user_id=§", NO_NAME),
    # Words.
    *(
        wrong(name, f"GET {line}{name}=§", ("", "x", f"{word}%00", f"{word}%0A", f"{word},x"))
        for line, name, word in (
            ("/events?", "order", "asc"), ("/events?", "format", "csv"), ("/events?", "events_name", "LOGIN"),
            ("/events?", "outcome", "applied"), ("/history?area_code=1&", "peak", "true"),
            ("/history/top?area_code=1&", "peak", "true"),
        )
    ),
    wrong("events_name", "GET /events?events_name=§", ("%C5%BFOGIN", "LOG%C4%B0N", "JOIN")),
    wrong("on_invalid", "POST /events?on_invalid=§", ("", "x", "s%E2%84%AAip", "skip%00")),
    # Parameters that are given twice, or are none.
    *(
        wrong(name, f"GET {line}{name}=1&{name}=1")
        for line, names in (
            ("/stats?area_code=111&", ("limit",)),
            ("/events?", ("limit", "from", "to", "cursor", "order", "format", "user_id", "area_code", "outcome")),
            ("/history?area_code=111&", ("step", "from", "to", "peak", "multiplayer_mode")),
        )
        for name in names
    ),
    wrong("x y", "GET /§x%20y=1", (
        "events?", "history?area_code=1&", "history/top?area_code=1&", "users/ann/history?",
        "stats/stream?area_code=1&",
    )),
    wrong("", "GET /events?=§", ("", "1")),
    # Cursors.
    Row(400, "invalid_cursor", ["query", "cursor"], "GET /events?cursor=§", NO_CURSOR),
    Row(400, "invalid_cursor", ["query", "cursor"], "GET /users/ann/history?cursor=§", NO_CURSOR),
    Row(400, "invalid_cursor", ["query", "cursor"], "GET /events?format=csv&cursor=§", FORGED[:3]),
    # What cannot be decoded, whether it is read or not.
    Row(400, "invalid_encoding", ["query", "area_code"], "GET /stats?area_code=§", UNDECODABLE),
    Row(400, "invalid_encoding", ["query", "area_code"], "GET /§?area_code=%ff", (
        "stats/", "stats/stream", "events", "history", "history/top", "users/ann/history", "users/ann/sessions",
        "areas",
        "modes", "healthz", "readyz", "docs", "openapi.json", "static/style.css", "", "nowhere",
    )),
    Row(400, "invalid_encoding", ["query", "on_invalid"], "POST /events?on_invalid=§", UNDECODABLE[:6]),
    Row(400, "invalid_encoding", ["query", "x"], "POST /generate_data?x=§", UNDECODABLE[:6]),
    Row(400, "invalid_encoding", ["query", "x"], "DELETE /users/ann?x=§", UNDECODABLE[:6]),
    Row(400, "invalid_encoding", ["query"], "GET /events?§=1", UNDECODABLE),
    Row(400, "invalid_encoding", ["query", "ü"], "GET /events?%C3%BC=%ff"),
]  # fmt: skip
