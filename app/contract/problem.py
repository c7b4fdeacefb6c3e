"""A fault in a request: its place, a code for programs, a sentence for people."""

from typing import Any

Location = list[str | int]


def problem_at(loc: Location, code: str, message: str) -> dict[str, Any]:
    """One entry of a problem's `errors`; `message` never repeats what was sent."""
    return {"loc": loc, "code": code, "message": message}
