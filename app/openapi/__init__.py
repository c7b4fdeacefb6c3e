"""The OpenAPI 3.1 document of the service, written by hand and compared with the code by tests."""

from importlib.metadata import version

import orjson

from app.openapi import access, events, history, live, login, problems, service, users
from app.openapi.paths import paths

DESCRIPTION = """
What is played in an area, right now, and how that developed. [The page](/) shows it as it changes.

- Every path works with and without its trailing slash. HEAD works wherever GET does.
- Errors are `application/problem+json` (RFC 9457): `code` is for programs, `errors` names each place.
  404 and 405 come in the same form; 405 carries `Allow`.
- Every answer has an `X-Request-Id`: that of the request, if it has a usable one, or a new one. Errors repeat it as
  `request_id`, and the service's log has it.
- Keys go in a header, `Authorization: Bearer <key>` or `X-API-Key: <key>`. They are off while none was ever made, on
  loopback. Too many requests or events get 429 with `Retry-After`.
- A host name that is not served is refused with 421 (400 where it is none), what pages of foreign origins must not do
  with 403 `foreign_origin`.
- 503 carries `Retry-After`. Its `code` says whether anything may have been applied.
- Times are seconds since 1970, with fraction. Names are 1 to 255 characters without control characters and without `|`.
"""


def document(root_path: str = "") -> bytes:
    """The document as JSON. `root_path`: where a proxy serves it all."""
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Modepulse",
                "version": version("modepulse"),
                "summary": "Which multiplayer mode is most played in this area, right now?",
                "description": DESCRIPTION.replace("(/)", f"({root_path}/)"),
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": root_path or "/", "description": "The service that this document comes from"}],
            "tags": [
                {"name": "live", "description": "What is played now"},
                {"name": "history", "description": "What was played, and every event"},
                {"name": "users", "description": "One user"},
                {"name": "keys", "description": "Who may do what"},
                {"name": "service", "description": "The service itself"},
            ],
            "paths": paths(),
            "components": {
                "schemas": {
                    name: schema
                    for part in (events, live, history, users, access, login, service, problems)
                    for name, schema in part.SCHEMAS.items()
                },
                "securitySchemes": access.SECURITY_SCHEMES,
            },
        }
    )
