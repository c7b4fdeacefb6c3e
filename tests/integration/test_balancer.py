"""The balancer of docker-compose.yml in front of two API processes, as `--scale api=2` starts them."""

import signal
from collections.abc import Iterator

import httpx2
import pytest

from tests.composed import Composed, composed
from tests.conftest import SAME_ON_EVERY_SERVER
from tests.http_client import event, post
from tests.nginx import NGINX
from tests.servers import eventually

pytestmark = [
    SAME_ON_EVERY_SERVER,
    pytest.mark.skipif(
        NGINX is None, reason="nginx is not installed (on Debian: apt-get install nginx); .ci/run installs it"
    ),
]


@pytest.fixture(scope="module")
def services(redis_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed(redis_name, tmp_path_factory.mktemp("balancer")) as services:
        services.make_hard_secrets()
        services.up()
        services.scale(2)
        yield services


@pytest.fixture
def http(services: Composed) -> Iterator[httpx2.Client]:
    url = f"http://127.0.0.1:{services.balancer_port}"
    with httpx2.Client(base_url=url, timeout=20, headers={"X-API-Key": services.secret("admin_token")}) as client:
        yield client


def test_what_it_answers_by_itself_is_a_problem(http: httpx2.Client) -> None:
    answer = http.post("/events", content=b"x" * (9 << 20))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_keyed_post_is_counted_once(http: httpx2.Client, area: int) -> None:
    for _ in range(4):
        answer = http.post("/events", json=event(area), headers={"Idempotency-Key": f"k{area}"})
        assert answer.json() == {"status": True, "accepted": 1, "applied": 1}


def test_clients_cannot_choose_their_address(services: Composed, http: httpx2.Client, area: int) -> None:
    """Of X-Forwarded-For only what trusted addresses wrote is believed; here 127.0.0.1 alone is one."""
    post(http, event(area))
    headers = {"X-Forwarded-For": "203.0.113.7"}
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address="127.0.0.9"), timeout=20) as stranger:
        key = {"X-API-Key": services.secret("admin_token")}
        stranger.get(f"{http.base_url}/events?area_code={area}", headers=headers | key).raise_for_status()
    http.get(f"/events?area_code={area}", headers=headers).raise_for_status()
    log = services.folder / "api.log"
    addresses = eventually(lambda: recorded(log.read_text()) if len(recorded(log.read_text())) == 2 else None)
    assert sorted(addresses) == ["127.0.0.9", "203.0.113.7"]


def recorded(log: str) -> list[str]:
    """The addresses of the reads that the audit trail has recorded."""
    return [
        line.partition('"address":"')[2].partition('"')[0] for line in log.splitlines() if '"action":"access"' in line
    ]


def test_one_process_may_go(services: Composed, http: httpx2.Client, area: int) -> None:
    """Last: it stays away."""
    first = services.processes["api"][0]
    first.send_signal(signal.SIGKILL)
    first.wait()
    for number in range(40):
        headers = {"Idempotency-Key": f"gone-{area}-{number}"}
        answer = http.post("/events", json=event(area, f"u{number}"), headers=headers)
        assert answer.json()["applied"] == 1
    assert http.get(f"/stats?area_code={area}").json()[str(area)][0]["count"] == 40
