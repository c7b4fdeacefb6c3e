"""What cannot be served is refused before anything starts."""

import pytest

from app.application import create_app
from app.settings import Settings, SettingsError


@pytest.mark.parametrize("path", ["/stats", "/users", "/stats/stream", "/docs", "/static", "/openapi.json"])
def test_root_path_is_none_of_the_apis_own(path: str) -> None:
    """A request below it would have two meanings, as the proxy may have removed it or not."""
    with pytest.raises(SettingsError, match="MODEPULSE_ROOT_PATH"):
        create_app(Settings(root_path=path))


@pytest.mark.parametrize("path", ["", "/modepulse", "/statsy", "/apps/stats", "/stat"])
def test_other_root_paths_are_served(path: str) -> None:
    create_app(Settings(root_path=path))
