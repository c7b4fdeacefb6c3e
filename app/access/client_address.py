"""Where a request comes from."""

from starlette.types import Scope


def client_address(scope: Scope) -> str:
    """The client's IP address; empty when it is not known."""
    client = scope.get("client")
    return client[0] if client else ""
