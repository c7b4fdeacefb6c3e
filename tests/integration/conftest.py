import itertools
from collections.abc import Iterator

import httpx
import pytest

from tests.servers import Stack

_areas = itertools.count(200_000)


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=10) as client:
        yield client


@pytest.fixture
def area() -> int:
    """Nobody else's."""
    return next(_areas)
