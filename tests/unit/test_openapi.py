"""The OpenAPI document says what the code does: paths, codes and fields of one are those of the other."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from app.access.guard import Guard
from app.api.recorded import template
from app.contract.outcome import OVER_LIMIT
from app.openapi import document
from app.openapi.faults import FAULTS
from app.openapi.problems import PROBLEMS, codes_of
from app.routes import routes
from app.settings import Settings
from tests.http_client import OF_ANY_PATH

APP = Path(__file__).parents[2] / "app"
DOCUMENT: dict[str, Any] = json.loads(document())
OPERATIONS = {
    (path, method): operation for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
}
# The script's refusals have their codes in a table; an event that is refused has the same code.
OVER_LIMITS = {(422, outcome.value) for outcome in OVER_LIMIT.values()}


def calls() -> Iterator[tuple[str, list[Any]]]:
    """(name of the function, its arguments, None where they are no literals) of each call but the document's own."""
    for path in APP.rglob("*.py"):
        if path.is_relative_to(APP / "openapi"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield node.func.id, [a.value if isinstance(a, ast.Constant) else None for a in node.args]


def test_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_route_is_documented_and_no_other() -> None:
    table = {
        (re.sub(r":\w+}", "}", route.path).rstrip("/") or "/", method.lower())
        for route in routes(Settings())
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert table == set(OPERATIONS)


def test_every_code_is_documented_with_its_status_and_no_other() -> None:
    found = set(OVER_LIMITS)
    for name, arguments in calls():
        if name in ("Problem", "InvalidRequest") and arguments[1:] and arguments[1]:
            found.add((arguments[0], arguments[1]))
        elif name == "Unavailable" and arguments[0]:
            found.add((503, arguments[0]))
    assert found == {(status, code) for status, (_, codes) in PROBLEMS.items() for code in codes}


def test_every_code_is_named_by_an_operation() -> None:
    found = {
        (int(status), code)
        for operation in OPERATIONS.values()
        for status, answer in operation["responses"].items()
        for code in codes_of(answer)
    }
    assert found == {(s, code) for s, (_, codes) in PROBLEMS.items() for code in codes} - OF_ANY_PATH


def test_every_fault_is_documented_and_no_other() -> None:
    found = {arguments[1] for name, arguments in calls() if name in ("problem_at", "invalid_query") and arguments[1]}
    assert found | {code for _, code in OVER_LIMITS} == set(FAULTS)


def test_every_query_parameter_that_is_read_is_documented_and_no_other() -> None:
    readers = ("single_value", "name_of", "choice_of", "time_of", "whole_number")
    read = {arguments[1] for name, arguments in calls() if name in readers and arguments[1]}
    # Filters of GET /events by a table, and the areas of GET /stats by a function of their own.
    read |= {"area_code", "multiplayer_mode", "user_id"}
    documented = {
        parameter["name"]
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    assert read == documented


def test_every_field_of_an_event_is_documented_and_no_other() -> None:
    tree = ast.parse((APP / "contract" / "event.py").read_text())
    read = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "item":
            read |= {node.slice.value} if isinstance(node.slice, ast.Constant) else set()
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "item.get":
            read |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    assert read == set(DOCUMENT["components"]["schemas"]["Event"]["properties"])


def schema(part: dict[str, Any]) -> dict[str, Any]:
    """A schema by itself, with what it refers to."""
    return {**part, "components": DOCUMENT["components"]}


def examples() -> Iterator[Any]:
    bodies = [(name, operation["requestBody"]) for name, operation in OPERATIONS.items() if "requestBody" in operation]
    answers = [(name, answer) for name, operation in OPERATIONS.items() for answer in operation["responses"].values()]
    for name, part in [*bodies, *answers]:
        for kind, content in part.get("content", {}).items():
            values = [content["example"]] if "example" in content else []
            values += [example["value"] for example in content.get("examples", {}).values()]
            for value in values:
                yield pytest.param(content["schema"], value, id=f"{name}-{kind}")


@pytest.mark.parametrize(("of", "value"), list(examples()))
def test_examples_are_what_their_schemas_say(of: dict[str, Any], value: Any) -> None:
    jsonschema.validate(value, schema(of))


def test_every_operation_with_an_answer_in_json_has_an_example() -> None:
    for (path, method), operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content is not None and path != "/openapi.json":
                assert "example" in content, (path, method, status)


def test_each_operation_asks_for_what_its_route_needs() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    for route in routes(Settings()):
        assert isinstance(route, Route)
        assert isinstance(route.endpoint, Guard), f"{route.path} is not guarded"
        scope = route.endpoint.need.scope
        path = template(route.path).rstrip("/") or "/"
        for method in (route.methods or set()) - {"HEAD"}:
            operation = OPERATIONS[path, method.lower()]
            assert operation.get("security", []) == ([{name: [scope]} for name in schemes] if scope else [])
            # Whoever logs in may have a wrong key.
            assert ("401" in operation["responses"]) == (scope is not None or (path == "/login" and method == "POST"))
