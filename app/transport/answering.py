"""What uvicorn's HTTP protocol leaves open: who has an answer to come, and how a connection ends that is refused."""

import asyncio
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import LINGER_SECONDS, Problem
from app.request_id import HEADER, STATE, request_id

Headers = list[tuple[bytes, bytes]]


class AnsweringProtocol(HttpToolsProtocol):
    """A refusal is one more request, answered in its turn: the whole requests before it have their answers first.

    Relies on how uvicorn 0.54.0 works: each message makes a new `scope`, complete headers a new `cycle` with that
    scope, and a cycle that waits for earlier answers stands in `pipeline`, the newest on the left. A test fails when
    uvicorn's module changes (tests/unit/test_transport.py).
    """

    def __init__(self, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._queued: list[RequestResponseCycle] = []  # what waits, or waited, in the pipeline, and what is before it
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._stop_timer()
        self._unset_keepalive_if_required()
        for cycle in self._queued:  # uvicorn itself only lets the newest know
            _disconnect(cycle)

    def eof_received(self) -> bool:  # type: ignore[override]
        """A request that changes something is answered, though nothing more comes; then the connection ends."""
        cycle = self.cycle
        unanswered = [one for one in (*self._queued, cycle) if one is not None and not one.response_started]
        if cycle is None or cycle.more_body or all(one.scope["method"] in ("GET", "HEAD") for one in unanswered):
            return False
        cycle.keep_alive = False
        return True

    def answer_whole(self, scope: Scope, answer: bytes) -> bool:
        """An app.whole_answer.WholeAnswer: does what the cycle's `send` would do with two messages.

        Of the connection and not of the cycle, which would refer to itself through its scope: only the garbage
        collector would free it.
        """
        cycle = self.cycle
        if cycle.scope is not scope or not cycle.keep_alive or cycle.disconnected or scope["method"] == "HEAD":
            return False
        if cycle.flow.write_paused:
            return False
        cycle.waiting_for_100_continue = False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(answer)
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note_queue(self, before: RequestResponseCycle | None) -> None:
        """To be called when requests wait; `before`: one they may be waiting for."""
        known = dict.fromkeys((*self._queued, before, *(cycle for cycle, _ in self.pipeline)))
        self._queued = [cycle for cycle in known if cycle is not None and not cycle.response_complete]

    def _refuse(self, problem: Problem) -> None:
        """Answers with it in its turn, takes nothing more, and ends the connection."""
        self._refused = True
        self._stop_timer()
        self._unset_keepalive_if_required()
        cycle = self.cycle
        waits = cycle is not None and not cycle.response_complete
        if cycle is not None and cycle.scope is self.scope and cycle.more_body:
            # What is refused is the rest of its body.
            if cycle.response_complete:
                self._linger()
                return
            _disconnect(cycle)
            if cycle.response_started:
                self._linger()
                return
            waits = bool(self.pipeline)
            if waits:
                self.pipeline.popleft()
        refusal = self.cycle = self._new_cycle()
        answer = partial(self._answer_refusal, refusal, problem)
        if waits:
            self.pipeline.appendleft((refusal, answer))
            self._note_queue(cycle)
        else:
            self._start_asgi_task(refusal, answer)

    def _new_cycle(self) -> RequestResponseCycle:
        """Of a request that is not there, and has no method."""
        last = self.cycle
        arriving = self.scope is not None and (last is None or last.scope is not self.scope or last.more_body)
        headers = self.headers if arriving else []
        self.on_message_begin()
        self.scope.update({"method": "", "path": ""})
        cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        identify(cycle, headers)
        return cycle

    async def _answer_refusal(
        self, cycle: RequestResponseCycle, problem: Problem, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """The ASGI app of the request that is not there."""
        response = problem.response(scope)
        headers = [*response.raw_headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        cycle.response_complete = True
        self._linger()

    def _linger(self) -> None:
        """Ends this side's half of the connection, and the whole when the client has, or soon."""
        if not self.transport.is_closing():
            self.transport.write_eof()
            self.flow.resume_reading()
            self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)


def identify(cycle: RequestResponseCycle, headers: Headers) -> None:
    """Gives the request its id, and puts that into the headers of the answer, whatever that is."""
    identity = cycle.scope["state"][STATE] = request_id(headers)
    cycle.default_headers = [(HEADER, identity)]


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Its application learns that the client is gone; what it still sends goes nowhere."""
    cycle.disconnected = True
    cycle.message_event.set()
