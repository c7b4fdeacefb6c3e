"""Bodies that are no JSON, no events, or events of nobody; headers that say what cannot be."""

import json
from typing import Any

from tests.bad_input.row import Row

EVENT = {"area_code": 111, "multiplayer_mode": "duel", "user_id": "ann", "events_name": "LOGOUT"}
NDJSON = "Content-Type: application/x-ndjson\r\n"


def event(**wrong: Any) -> str:
    """A good event but for some fields."""
    return json.dumps(EVENT | wrong, ensure_ascii=False)


def with_field(name: str) -> str:
    """A good event but for one field, whose value is to be put in as JSON."""
    return event(**{name: "@"}).replace('"@"', "§")


NO_JSON = (
    "", " ", "\n", "\x00", "{", "[", "[[", '{"items": [', "}", "{]", "[1,]", "[,1]", '{"a" 1}', '{"a": 1,}', "{a: 1}",
    "'a'", "nul", "undefined", "NaN", "[NaN]", "Infinity", "[-Infinity]", "[1e400]", "[-1e400]", "[01]", "[+1]", "[.5]",
    "[1.]", "[0x10]", "[1_0]", "[" + "9" * 5000 + "]", '"', '"\\x41"', '"\t"', '"\x00"', '"\\ud800"',
    '"\\udc00\\ud800"', "\ufeff[]", "\udcff", '["\udcff"]', '["\udced\udca0\udc80"]', '["\udcc0\udc80"]', "[] []",
    "[]x", "// x\n[]", "area_code=111&user_id=ann", "<event/>", "--x\r\n\r\n", "[" * 5000, '{"a":' * 5000, "﹛﹜",
)  # fmt: skip
NO_EVENT = ("null", "true", "false", "0", "-1", "1.5", '"LOGIN"', "[[]]", "[null]", "[1]", '["x"]', "[[[]]]")
NO_NAME = (
    '""', '"\\u0000"', '"a\\u0000"', '"a\\n"', '"\\r"', '"\\t"', '"\\u001f"', '"\\u007f"', '"\\u0085"', '"\\u009f"',
    '"a|b"', '"|"', json.dumps("x" * 256), json.dumps("🎮" * 256), json.dumps("x" * 100_000),
)  # fmt: skip
NO_TEXT = ("null", "true", "1", "1.5", "[]", "{}", '["ann"]', '{"a": 1}')
NO_AREA = ("null", "true", "false", "1.0", "1e3", "-0.0", "[]", "{}", "[111]", "18446744073709551616", "1" + "0" * 300)
NO_KIND = (
    '""', '"JOIN"', '"LOGIN "', '" LOGIN"', '"LOGIN\\n"', '"EXPIRE"', '"HEAL"', '"LOG"', '"ＬＯＧＩＮ"', '"ſogin"',
    '"LOGİN"', '"LOGIN|LOGOUT"', '"LOGIN\\u0000"', json.dumps("L" * 100_000), *NO_TEXT,
)  # fmt: skip
NO_STAMP = (
    '"1795490591"', '""', "true", "false", "[]", "{}", "-1", "-0.000001", "-1e308", "1e308", "4102444800",
    "1795490591055", "18446744073709551616", "1" + "0" * 300, "9007199254740993", '"now"', '"\\u0000"',
)  # fmt: skip
NO_WHOLE = ('"5"', "1.0", "1e2", "true", "[]", "{}", "-1", "9223372036854775808", "1" + "0" * 300, '""', '"\\u0000"')

BODIES = [
    Row(400, "invalid_json", [], "POST /events", NO_JSON, "§"),
    Row(400, "invalid_json", [], "POST /generate_data", NO_JSON[4:], "§"),
    Row(400, "invalid_json", [0], "POST /events", ("{", "x", "\x00", "[1e400]", "\udcff", "{}x"), "§", NDJSON),
    Row(400, "invalid_json", [1], "POST /events", ("{", "x", "\r\n{", "[]]"), event() + "\n§", NDJSON),
    Row(422, "invalid_events", [], "POST /events", NO_EVENT[:7], "§"),
    Row(422, "invalid_events", [0], "POST /events", NO_EVENT[7:], "§"),
    Row(422, "invalid_events", [0], "POST /events", NO_EVENT[:7], "§", NDJSON),
    Row(422, "invalid_events", [1], "POST /events", NO_EVENT, f"{event()}\n§", NDJSON),
    Row(422, "invalid_events", [1], "POST /events", NO_EVENT, f"[{event()}, §]"),
    Row(422, "invalid_events", ["items"], "POST /events", ("null", "1", '"x"', "{}", "true"), '{"items": §}'),
    Row(422, "invalid_events", ["items", 1], "POST /events", NO_EVENT, f'{{"items": [{event()}, §]}}'),
    Row(422, "invalid_events", ["area_code"], "POST /events", ("{}", '{"item": []}', '{"Items": []}', '{"": 1}'), "§"),
    *(
        Row(422, "invalid_events", [name], "POST /events", values, with_field(name))
        for name, values in (
            ("area_code", NO_NAME + NO_AREA), ("multiplayer_mode", NO_NAME + NO_TEXT), ("user_id", NO_NAME + NO_TEXT),
            ("events_name", NO_KIND), ("epoch_timestamp", NO_STAMP),
        )
    ),
    *(
        Row(422, "invalid_events", ["items", 1, name], "POST /events/", values[::4],
            f'{{"items": [{event()}, {with_field(name)}]}}')
        for name, values in (
            ("area_code", NO_NAME + NO_AREA), ("multiplayer_mode", NO_NAME + NO_TEXT), ("user_id", NO_NAME + NO_TEXT),
            ("events_name", NO_KIND), ("epoch_timestamp", NO_STAMP),
        )
    ),
    Row(422, "invalid_request", [], "POST /generate_data", ("[]", "1", "null", '"x"', "true"), "§"),
    *(
        Row(422, "invalid_request", [name], "POST /generate_data", NO_WHOLE, f'{{"{name}": §}}')
        for name in ("events", "users", "areas", "modes")
    ),
    Row(422, "invalid_request", ["events"], "POST /generate_data", ("100001", "9" * 18), '{"events": §}'),
    Row(422, "invalid_request", ["seed"], "POST /generate_data", ('"5"', "1.0", "true", "9223372036854775808"),
        '{"seed": §}'),
]  # fmt: skip
