"""Where the API can be reached from this machine, for the host and port that it listens on."""

import http.client

from app.settings import Settings


def url_of(host: str, port: int) -> str:
    """The address of the API."""
    host = _reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def metrics_urls(settings: Settings, api_url: str, archiver_port: int) -> dict[str, str]:
    """Where each process shows its figures."""
    host, port = settings.metrics_host, settings.metrics_port
    own = url_of(host, port) if port else api_url
    return {"api": f"{own}/metrics", "archiver": f"{url_of(host, archiver_port)}/metrics"}


def is_ready(host: str, port: int) -> bool:
    """Whether GET /readyz says so."""
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """An address to connect to, for one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
