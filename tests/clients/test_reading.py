"""Each client asks what is played: once, and as it changes, with its key in a header."""

import subprocess
import sys

import httpx2
import pytest

from tests.clients.conftest import TYPESCRIPT, Drive, Secured
from tests.clients.front import Front
from tests.documents import ROOT
from tests.http_client import event, post, ranking
from tests.servers import eventually

pytestmark = pytest.mark.parametrize("drive", ["python", "async", "node"], indirect=True)


def test_stats(drive: Drive, secured: Secured, http: httpx2.Client, area: int) -> None:
    post(http, event(area), event(area, "u2"), event(area, mode="co_op"))
    with drive(secured.stack.url + "/", secured.read.text + "\n") as client:
        assert client.do("stats", area) == {str(area): ranking(duel=2, co_op=1)}
        assert client.do("stats", [area, "a/b&c"], 1) == {str(area): ranking(duel=2), "a/b&c": []}


def test_a_refusal_says_why(drive: Drive, secured: Secured, area: int) -> None:
    with drive(secured.stack.url) as client:
        assert "HTTP 401 key_required" in client.do("stats", area)
    with drive(secured.stack.url, secured.ingest.text) as client:
        client.do("listen", area)
        assert "HTTP 403 insufficient_scope" in client.do("frame")


def test_stream_shows_each_change_and_connects_again(
    drive: Drive, secured: Secured, front: Front, http: httpx2.Client, area: int
) -> None:
    with drive(front.url, secured.read.text) as client:
        client.do("listen", [area])
        assert client.do("frame") == {str(area): []}
        post(http, event(area))
        assert client.do("frame") == {str(area): ranking(duel=1)}
        front.cut_streams()
        post(http, event(area, "u2"))
        assert client.do("frame") == {str(area): ranking(duel=2)}


@pytest.mark.parametrize("url", ["localhost:8000", "", "ftp://x"])
def test_an_address_that_is_none_is_refused_at_once(drive: Drive, url: str) -> None:
    with drive(url) as client, pytest.raises((AssertionError, BrokenPipeError)):
        client.do("totals")


def test_examples_of_the_clients_run(
    drive: Drive, secured: Secured, http: httpx2.Client, request: pytest.FixtureRequest
) -> None:
    if "async" in request.node.name:
        pytest.skip("its example is in the README")
    key = secured.stack.admin_token
    http.delete("/users/ann")
    if "node" in request.node.name:
        tools, compiled = request.getfixturevalue("tools"), request.getfixturevalue("compiled")
        script = compiled / "example.mjs"
        script.write_text((TYPESCRIPT / "example.mjs").read_text().replace("modepulse-client", "./index.js"))
        command = [str(tools / "node"), str(script)]
    else:
        command = [sys.executable, str(ROOT / "clients" / "python" / "example.py")]
    done = subprocess.run([*command, secured.stack.url, key], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "duel" in done.stdout
    eventually(lambda: http.get("/users/ann/sessions").json()["sessions"] == [])
