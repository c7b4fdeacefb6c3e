"""docs/security.md says who may do what, which limits there are, and what is recorded, as the code has it."""

import re
from dataclasses import Field, fields
from typing import Any

import pytest
from starlette.routing import Route

from app.api.recorded import RECORDED, recording, template
from app.archive.access_entry import AccessAction
from app.routes import routes
from app.settings import PREFIX, Settings
from tests.documents import table, text

PAGE = text("docs/security.md")
CALLS = {row[0].strip("`"): row[1:] for row in table(PAGE, "call", "scope", "recorded as")}
LIMITS = {row[0].strip("`"): row[1:] for row in table(PAGE, "setting", "default", "of what", "beyond it")}
# A status in a setting's description makes it a limit of what clients send.
REFUSALS = re.compile(r"\b(408|413|414|422|429|431|503)\b")
# Limits that are none of clients' requests.
OWN = {"write_deadline_seconds"}


def served() -> dict[str, Any]:
    """What each route needs, by `METHOD /path`; None where it does not say."""
    found = {}
    for route in routes(Settings()):
        assert isinstance(route, Route)
        path = template(route.path)
        if path == "/" or not path.endswith("/"):
            for method in (route.methods or set()) - {"HEAD"}:
                found[f"{method} {path}"] = getattr(route.endpoint, "need", None)
    return found


def test_every_call_has_its_line() -> None:
    assert set(CALLS) == set(served())


@pytest.mark.parametrize("call", sorted(served()))
def test_the_scope_is_that_of_the_route(call: str) -> None:
    need = served()[call]
    if need is None:
        return  # this route lets everybody in
    expected = f"`{need.scope}`" if need.scope else ""
    expected += ", or public" * need.public + ", always" * need.always
    assert CALLS[call][0] == expected


def test_what_is_recorded_is_marked() -> None:
    marked = {call: re.findall(r"`(\w+)`", row[1]) for call, row in CALLS.items()}
    expected = {call: [str(action)] for call, action in RECORDED.items()}
    expected["GET /events"].append(AccessAction.EXPORT)
    assert {call: actions for call, actions in marked.items() if actions} == expected
    for call in served():
        assert bool(recording(*call.split(" "))) == (call in RECORDED)


def test_every_action_is_explained_where_rows_are_kept() -> None:
    actions = {action for row in CALLS.values() for action in re.findall(r"`(\w+)`", row[1])}
    assert actions == set(AccessAction)


def limits() -> "dict[str, Field[Any]]":
    return {
        PREFIX + field.name.upper(): field
        for field in fields(Settings)
        if field.name not in OWN
        and (REFUSALS.search(field.metadata["doc"]) or re.match("max_|new_.*_per_|.*_per_(?!area)", field.name))
    }


def test_every_limit_has_its_line() -> None:
    assert set(LIMITS) == set(limits())


@pytest.mark.parametrize("variable", sorted(limits()))
def test_limits_have_their_defaults_and_statuses(variable: str) -> None:
    default, of_what, beyond = LIMITS[variable]
    field = limits()[variable]
    assert default == (f"{field.default:g}" if isinstance(field.default, float) else str(field.default))
    assert of_what
    assert set(beyond.split(", ")) >= set(REFUSALS.findall(field.metadata["doc"]))
    assert REFUSALS.search(beyond)
