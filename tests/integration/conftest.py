import itertools
from collections.abc import Iterator

import pytest

from tests.servers import postgres_server

_areas = itertools.count(200_000)


@pytest.fixture
def area() -> int:
    """Nobody else's."""
    return next(_areas)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Postgres by itself, for the tests of one module."""
    with postgres_server(tmp_path_factory.mktemp("archive")) as postgres:
        yield postgres.dsn()
