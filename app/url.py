"""URLs as they are sent: UTF-8 in percent-encoding, or refused. Nothing is replaced, and a path matches as a whole."""

import re
from urllib.parse import quote_from_bytes, unquote, unquote_plus, unquote_to_bytes

from starlette.convertors import Convertor
from starlette.types import Scope

from app.contract.problem import Location, problem_at
from app.errors import InvalidRequest

ENCODING_RULE = "a URL is UTF-8 in percent-encoding, in which % itself is written %25"

_encoded = re.compile(rb"[^%\x80-\xff]*(?:%[0-9A-Fa-f]{2}[^%\x80-\xff]*)*").fullmatch


def url_fault(scope: Scope) -> InvalidRequest | None:
    """The refusal (400) of a URL that cannot be decoded; None for any other. Names the place, as all refusals do."""
    path, query = scope["raw_path"], scope["query_string"]
    if b"%" not in path and b"%" not in query and query.isascii():
        return None  # nearly all of them
    if not _is_decodable(path):
        return _invalid(["path"])
    for parameter in query.split(b"&"):
        if not _is_decodable(parameter):
            name = parameter.partition(b"=")[0]
            return _invalid(["query", unquote_plus(name.decode())] if _is_decodable(name) else ["query"])
    return None


def canonical_path(raw_path: bytes) -> str:
    """The path in the one spelling that the routes are compared with, still encoded.

    `%2F` is part of a name while `/` separates, and `%0A` is no end of a line; `%61` is `a`.
    """
    if b"%" not in raw_path:
        return raw_path.decode()
    return "/".join(quote_from_bytes(unquote_to_bytes(segment), safe="") for segment in raw_path.split(b"/"))


class NameConvertor(Convertor[str]):
    """`{user_id:name}`: one segment of a canonical path, decoded."""

    regex = "[^/]*"

    def convert(self, value: str) -> str:
        """The text that the segment stands for."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """The segment that stands for a text."""
        return quote_from_bytes(value.encode(), safe="")


def _is_decodable(text: bytes) -> bool:
    if not _encoded(text):
        return False
    try:
        unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return False
    return True


def _invalid(loc: Location) -> InvalidRequest:
    return InvalidRequest(
        400, "invalid_encoding", "The URL cannot be decoded", [problem_at(loc, "invalid_encoding", ENCODING_RULE)]
    )
