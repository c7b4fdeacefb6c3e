"""How connections are refused, and what is no HTTP request or takes too much to become one."""

from app.errors import InvalidRequest, Problem, Unavailable

RETRY_SECONDS = 5


def malformed() -> InvalidRequest:
    """It cannot be parsed."""
    return InvalidRequest(400, "malformed_request", "This is not HTTP/1.1")


def headers_late() -> InvalidRequest:
    """They began, and did not end."""
    return InvalidRequest(408, "header_timeout", "The headers took too long to arrive")


def url_too_long() -> InvalidRequest:
    """It alone is most of what headers may be."""
    return InvalidRequest(414, "url_too_long", "The URL is too long")


def headers_too_large() -> InvalidRequest:
    """Too many, or too large."""
    return InvalidRequest(431, "headers_too_large", "The headers are too many or too large")


def connections_full() -> Unavailable:
    """As many as there may be, in all."""
    return Unavailable("connections_full", "There are too many connections", RETRY_SECONDS)


def too_many_connections() -> Problem:
    """As many as an address may have."""
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return Problem(429, "too_many_connections", "This address has too many connections", headers=headers)
