"""HTTP on one connection: uvicorn's protocol, with bounds on what arrives before it is a request."""

import asyncio
from typing import Any, NamedTuple

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.errors import Problem
from app.occupancy import Occupancy
from app.transport import refusals
from app.transport.answering import AnsweringProtocol, identify
from app.whole_answer import offer_whole_answer

# Parsed in one go: of tiny requests, pipelined, as many take about 5 ms.
PIECE_BYTES = 8192
MAX_HEADERS = 100
# As long as httptools can parse it.
MAX_URL_BYTES = 65_535
# How much of an unsent response this process and the kernel each hold: a slow client has to read the old frames in it
# first. By default they hold 64 kB and up to 4 MB.
UNSENT_BYTES = 16_384


class Limits(NamedTuple):
    """What each connection keeps to. `header_bytes` include the request line."""

    header_bytes: int
    header_seconds: float
    connections: Occupancy


class HttpProtocol(AnsweringProtocol):
    """Bounds the headers in bytes, number and time, and how many requests are parsed before their turn.

    No timer is set for a request that arrives in one read.
    """

    def __init__(self, limits: Limits, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._limits = limits
        self._address = ""
        self._direct = PIECE_BYTES  # the longest read that goes to the parser as it is
        self._header_room = limits.header_bytes  # for the rest of the headers that are arriving
        self._in_body = False
        self._wasted_bytes = 0  # read since a body last grew: trailers, or a body that nobody reads
        self._held = b""  # read, and not parsed before earlier requests have their answers
        self._ended = False  # the client sends no more

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        self._address = self.client[0] if self.client else ""
        refusal = self._limits.connections.enter(self._address)
        if refusal is not None:
            self._refuse(refusal)
        else:
            self._set_timer()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._limits.connections.leave(self._address)

    def eof_received(self) -> bool:  # type: ignore[override]
        last = self.cycle
        keep_alive = last is not None and last.keep_alive
        self._ended = super().eof_received()
        if self._held:
            last.keep_alive = keep_alive  # it is not the last
        return self._ended

    def data_received(self, data: bytes) -> None:
        if len(data) <= self._direct:
            self._parse(data)
        elif not self._refused:
            self._parse_in_pieces(self._held + data)

    def on_headers_complete(self) -> None:
        """Raises ValueError, which ends the parsing, when there are too many."""
        if len(self.headers) > MAX_HEADERS:
            raise ValueError
        super().on_headers_complete()
        cycle = self.cycle
        if cycle is not None and cycle.scope is self.scope:  # it does not ask for another protocol
            identify(cycle, self.headers)
            offer_whole_answer(self.scope, self.answer_whole)

    def on_response_complete(self) -> None:
        """Goes on with what was held back."""
        super().on_response_complete()
        if self._held and not self.pipeline and not self.transport.is_closing():
            self._parse_in_pieces(self._held)

    def _should_upgrade(self) -> bool:
        """True: then uvicorn makes no cycle of such a request, which is parsed again without that header."""
        return True

    def _parse(self, data: bytes | memoryview) -> None:
        before = self.cycle
        size = len(before.body) if self._in_body else 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(bytes(data[upgrade.args[0] :]))
            return
        except httptools.HttpParserError:
            self._refuse_unparsed()
            return
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:
            if self.scope is not None:
                self._await_headers(len(data), cycle is before)
            return
        if self._timer is not None:
            self._stop_timer()
        if self.timeout_keep_alive_task is not None and not cycle.response_complete:
            self._unset_keepalive_if_required()
        if cycle.more_body or self._in_body:
            self._await_body(cycle, 0 if cycle is not before or len(cycle.body) > size else len(data))
        if self.pipeline:
            self._note_queue(before)
            self._direct = -1

    def _refuse_unparsed(self) -> None:
        if self.scope is not None and len(self.headers) > MAX_HEADERS:
            self._refuse(refusals.headers_too_large())
        elif self.scope is not None and len(self.url) > MAX_URL_BYTES:
            self._refuse(refusals.url_too_long())
        else:
            self._refuse(refusals.malformed())

    def _parse_in_pieces(self, data: bytes) -> None:
        """As far as requests need not wait: one that does may be followed by thousands."""
        view, start, self._held = memoryview(data), 0, b""
        while start < len(data) and not (self.pipeline or self._held or self._refused):
            piece = view[start : start + min(PIECE_BYTES, self._header_room)]
            start += len(piece)
            self._parse(piece)
        if self._refused:
            return
        self._held += bytes(view[start:])
        if self._held:
            self._direct = -1
            self.transport.pause_reading()
            self.flow.read_paused = False  # so that uvicorn does not resume it
            return
        if self._ended:
            self.cycle.keep_alive = False
        elif not self.flow.read_paused:
            self.transport.resume_reading()
        self._direct = -1 if self.pipeline else min(PIECE_BYTES, self._header_room)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """A request to change the protocol is answered as if it had not asked to; httptools would skip its body."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(refusals.malformed())
            return
        headers = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._stop_timer()
        self._parse(b"\r\n".join([method + b" " + self.url + b" HTTP/" + version, *headers, b"\r\n"]))
        if rest and not self._refused:
            self._parse_in_pieces(rest)

    def _await_headers(self, size: int, first: bool) -> None:
        """Some have arrived, in a read of this size; `first`: no headers were completed by it."""
        if self._in_body or not first:
            self._stop_timer()
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        self._in_body = False
        self._header_room -= size
        if self._header_room <= 0:
            long_url = not self.headers and len(self.url) > self._limits.header_bytes // 2
            self._refuse(refusals.url_too_long() if long_url else refusals.headers_too_large())
            return
        self._direct = min(PIECE_BYTES, self._header_room)
        self._unset_keepalive_if_required()
        if self._timer is None:
            self._set_timer()

    def _await_body(self, cycle: RequestResponseCycle, wasted: int) -> None:
        """`wasted`: bytes of a read that did not make the body grow."""
        self._in_body = cycle.more_body
        self._wasted_bytes = self._wasted_bytes + wasted if wasted and self._in_body else 0
        if self._wasted_bytes > self._limits.header_bytes:
            self._refuse(refusals.headers_too_large())

    def _set_timer(self) -> None:
        self._timer = self.loop.call_later(self._limits.header_seconds, self._headers_late)

    def _stop_timer(self) -> None:
        super()._stop_timer()
        self._header_room = self._limits.header_bytes
        self._direct = PIECE_BYTES

    def _headers_late(self) -> None:
        if self.flow.read_paused or self._held:  # this side does not read
            self._set_timer()
        elif self.scope is None:
            self.transport.close()
        else:
            self._refuse(refusals.headers_late())

    def _refuse(self, problem: Problem) -> None:
        super()._refuse(problem)
        self._direct, self._held = -1, b""
