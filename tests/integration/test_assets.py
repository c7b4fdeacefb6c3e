"""The pages as HTTP has them; what they do is tested in a browser (tests/browser)."""

import httpx2
import pytest

from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import problem

pytestmark = SAME_ON_EVERY_SERVER


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/?area_code=111", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/static/style.css", "text/css; charset=utf-8"),
        ("/static/main.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
        ("/static/vendor/swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/static/vendor/uplot/LICENSE", "text/plain; charset=utf-8"),
    ],
)
def test_file_is_sent_once_to_each_browser(http: httpx2.Client, path: str, kind: str) -> None:
    plain = http.get(path, headers={"Accept-Encoding": "identity"})
    assert plain.status_code == 200
    assert plain.headers["content-type"] == kind
    assert "content-encoding" not in plain.headers
    assert "default-src 'none'" in plain.headers["content-security-policy"]
    compressed = http.get(path, headers={"Accept-Encoding": "gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.content == plain.content
    again = http.get(path, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = http.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(plain.content))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nothing.js",
        "vendor",
        "vendor/",
        "../settings.py",
        "%2e%2e/settings.py",
        "%00",
        "x" * 5000,
    ],
)
def test_nothing_else_is_sent(http: httpx2.Client, path: str) -> None:
    assert problem(http.get(f"/static/{path}"), 404)["code"] == "not_found"


def test_history_is_compressed_for_who_can_read_it(http: httpx2.Client, area: int) -> None:
    asked = {"area_code": area, "step": 60}
    for path in ("/history", "/history/top"):
        plain = http.get(path, params=asked, headers={"Accept-Encoding": "identity"})
        compressed = http.get(path, params=asked, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert compressed.json()["step"] == plain.json()["step"]
        assert ("content-encoding" in compressed.headers) == (len(plain.content) >= 1024)
    assert len(plain.content) >= 1024
