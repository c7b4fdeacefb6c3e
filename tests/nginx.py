"""deploy/nginx/modepulse.conf, run by nginx as it is but for ports, paths and the certificate."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from modepulse.launcher.child_process import child_setup
from tests.ports import unused_port
from tests.servers import eventually

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
RECIPE = Path(__file__).parents[1] / "deploy" / "nginx" / "modepulse.conf"
MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/modepulse.conf;
}}
"""


class Nginx:
    """Its addresses and files; `url` is that of the service."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        self.port, self.plain_port = unused_port(), unused_port()
        self.certificate = folder / "certificate.pem"
        self.url = f"https://localhost:{self.port}{path.rstrip('/')}"

    def client(self, address: str = "127.0.0.1") -> httpx2.Client:
        """`address`: the client's own, one of loopback."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return httpx2.Client(
            transport=httpx2.HTTPTransport(
                verify=trust, local_address=address, limits=httpx2.Limits(max_connections=None)
            ),
            timeout=30,
        )

    def logs(self) -> str:
        """All that it wrote."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def nginx(folder: Path, upstreams: Sequence[int], path: str = "/modepulse/") -> Iterator[Nginx]:
    """Runs the recipe in front of services on these ports, below a path."""
    server = Nginx(folder, path)
    key = folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
         server.certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    text = RECIPE.read_text()
    for old, new in {
        "server 127.0.0.1:8000 max_fails=0;": " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in upstreams),
        "listen 80;": f"listen 127.0.0.1:{server.plain_port};",
        "listen [::]:80;": "",
        "listen [::]:443 ssl http2;": "",
        "listen 443 ": f"listen 127.0.0.1:{server.port} ",
        "server_name stats.example.com;": "server_name localhost;",
        "/etc/letsencrypt/live/stats.example.com/fullchain.pem": str(server.certificate),
        "/etc/letsencrypt/live/stats.example.com/privkey.pem": str(key),
        "/var/log/nginx/": f"{folder}/",
    }.items():
        assert old in text, f"{old} is no longer in the recipe"
        text = text.replace(old, new)
    if path == "/":
        text = text.replace("location = /modepulse {", "location = /unused {").replace("/modepulse/", "/")
    (folder / "modepulse.conf").write_text(text)
    # As root its workers would be somebody who may not enter a test's folder.
    user = "" if os.geteuid() else "user root;"
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
    assert NGINX is not None
    with (folder / "nginx.log").open("ab") as output:
        process = subprocess.Popen(
            [NGINX, "-c", folder / "nginx.conf", "-p", folder],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=child_setup(signal.SIGTERM),
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or server.listens())
        assert process.poll() is None, (folder / "nginx.log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(10)
