"""What every request passes first: the proxy's part in it, its host, the page that it comes from."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.client_address import TrustedProxies
from app.access.hosts import Hosts
from app.access.origin import Origins, Source
from app.errors import Problem
from app.whole_answer import withdraw_whole_answer

Header = tuple[bytes, bytes]

READING = frozenset(("GET", "HEAD"))
# An endless answer, which costs also when the browser keeps it from the page.
STREAMS = frozenset(("/stats/stream", "/stats/stream/"))
# The session is the own page's affair, whatever else may be permitted to others.
OWN_PATHS = frozenset(("/login", "/login/", "/logout", "/logout/"))

VARY: Header = (b"vary", b"origin")
# The headers that the API reads and sends, as far as browsers do not permit them anyway.
ALLOWED_HEADERS = (
    b"authorization, content-encoding, content-type, idempotency-key, last-event-id, x-api-key, x-request-id"
)
EXPOSED: Header = (
    b"access-control-expose-headers",
    b"content-disposition, date, idempotency-key, ratelimit, ratelimit-limit, ratelimit-policy, ratelimit-remaining,"
    b" ratelimit-reset, retry-after, x-request-id",
)
# So that navigator.sendBeacon works, which always sends credentials. Cookies do not count all the same.
CREDENTIALS: Header = (b"access-control-allow-credentials", b"true")
PREFLIGHT_SECONDS = 7200


class Entrance:
    """Refuses foreign hosts and what foreign pages must not do; answers preflights; marks what pages may read (CORS).

    `methods_at`: the methods of a request's path, empty where there is none; `root_path`: MODEPULSE_ROOT_PATH, which a
    proxy may have removed from the path or not. Nothing behind this knows of it, or gets a cookie from a foreign page.
    `noting`: counts the answers that are given here.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Hosts,
        origins: Origins,
        proxies: TrustedProxies,
        methods_at: Callable[[Scope], list[str]],
        root_path: str,
        noting: Callable[[Scope, Send], Send],
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._accepted_hosts = hosts.accepted
        self._origins = origins
        self._proxies = proxies if proxies else None
        self._methods_at = methods_at
        self._root = root_path.encode()
        self._noting = noting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._proxies is not None:
            self._proxies.reveal_client(scope)
        host = origin = site = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value if host is None else b""
            elif name == b"origin":
                origin = value if origin is None else b""
            elif name == b"sec-fetch-site":
                site = value if site is None else b""
        if self._root:
            self._remove_prefix(scope)
        if host not in self._accepted_hosts:
            try:
                self._hosts.check(host, scope["http_version"], scope["path"])
            except Problem as problem:
                await _refuse(problem, scope, receive, self._noting(scope, send))
                return
        if origin is None and site is None:  # no browser, as nearly always
            await self._app(scope, receive, self._unlisted(scope, send) if self._origins.exact else send)
            return
        source = self._origins.source(origin, site, host)
        if source is Source.OWN:
            await self._app(scope, receive, self._unlisted(scope, send))
        elif source is Source.FOREIGN or scope["path"] in OWN_PATHS:
            await self._answer_foreign(scope, receive, self._unlisted(scope, send))
        else:
            await self._answer_listed(scope, receive, _marking(scope, send, *self._listed_marks(origin)))

    async def _answer_foreign(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The browser keeps the answer from the page; what has effects or no end is refused."""
        if scope["method"] in READING and scope["path"] not in STREAMS:
            _remove_cookies(scope)
            await self._app(scope, receive, send)
        else:
            problem = Problem(403, "foreign_origin", "Pages of this origin may not do this; see MODEPULSE_CORS_ORIGINS")
            await _refuse(problem, scope, receive, self._noting(scope, send))

    async def _answer_listed(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and _asks_for_method(scope) and (methods := self._methods_at(scope)):
            await _permit(methods, self._noting(scope, send))
        else:
            _remove_cookies(scope)
            await self._app(scope, receive, send)

    def _unlisted(self, scope: Scope, send: Send) -> Send:
        """Where origins are listed, caches have to know that the answer depends on the origin."""
        return _marking(scope, send, VARY) if self._origins.exact else send

    def _listed_marks(self, origin: bytes | None) -> tuple[Header, ...]:
        """The headers by which the browser lets the page read the answer."""
        if self._origins.any:
            return (b"access-control-allow-origin", b"*"), EXPOSED, VARY
        return (b"access-control-allow-origin", origin or b""), CREDENTIALS, EXPOSED, VARY

    def _remove_prefix(self, scope: Scope) -> None:
        raw: bytes = scope["raw_path"]
        if raw == self._root:
            scope["path"], scope["raw_path"] = "/", b"/"
        elif raw.startswith(self._root + b"/"):
            length = len(self._root)
            scope["path"], scope["raw_path"] = scope["path"][length:], raw[length:]


def _remove_cookies(scope: Scope) -> None:
    scope["headers"] = [header for header in scope["headers"] if header[0] != b"cookie"]


def _asks_for_method(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


def _marking(scope: Scope, send: Send, *marks: Header) -> Send:
    """Adds headers to the answer."""
    withdraw_whole_answer(scope)

    async def marking(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *marks]}
        await send(message)

    return marking


async def _permit(methods: list[str], send: Send) -> None:
    """The answer to a preflight."""
    headers = [
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", ALLOWED_HEADERS),
        (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body"})


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Without reading the body, so the connection cannot be used again where there may be one."""
    if scope["method"] not in READING:
        problem.headers["Connection"] = "close"
    await problem.response(scope)(scope, receive, send)
