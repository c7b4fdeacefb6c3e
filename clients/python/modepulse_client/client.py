"""The client for programs with threads, or without anything of the kind."""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Iterator
from types import TracebackType

import httpx2

from modepulse_client.batch import PATH, Again, Batch, Delivered, Halves, Lost
from modepulse_client.event import EventsName, Stats
from modepulse_client.loss import log_retry, report
from modepulse_client.options import Options
from modepulse_client.outbox import Outbox
from modepulse_client.reading import (
    STREAM_PAUSE_SECONDS,
    STREAM_TIMEOUT,
    Areas,
    Refused,
    checked,
    parameters,
    settings,
    stats_of,
)
from modepulse_client.sessions import SessionReports
from modepulse_client.totals import Totals


class Client(SessionReports):
    """Of the service at `url`, with an API key where it needs one. Safe for threads.

    Events are sent by a thread of its own, which starts with the first one. The end of the program waits
    `Options.exit_seconds` for what is still queued; so does the end of a `with` block. After a fork the child starts
    with an empty queue and no sessions.
    """

    def __init__(self, url: str, key: str = "", options: Options | None = None) -> None:
        self._options = options or Options()
        self._settings = settings(url, key, self._options)
        self._begin()
        atexit.register(_close, weakref.ref(self))

    def _begin(self) -> None:
        self._process = os.getpid()
        self._http = httpx2.Client(**self._settings)
        self._outbox = Outbox(self._options)
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._flushing = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def _put(self, name: EventsName, user_id: str, area_code: int | str, mode: str, at: float | None) -> None:
        self._renew_after_fork()
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._send_all, name="modepulse", daemon=True)
                self._thread.start()
            self._outbox.put(name, user_id, area_code, mode, at)
            self._changed.notify_all()

    def _renew_after_fork(self) -> None:
        """The child of a fork has no thread, and perhaps a lock that nobody will release."""
        if self._process != os.getpid():
            self._begin()

    @property
    def totals(self) -> Totals:
        """What was done so far."""
        self._renew_after_fork()
        with self._changed:
            return self._outbox.totals

    def flush(self, seconds: float | None = None) -> bool:
        """Sends what is queued now and waits until it is answered. False: not within `seconds`."""
        self._renew_after_fork()
        with self._changed:
            target = self._outbox.put_count
            self._flushing += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._outbox.settled_count >= target, seconds)
            finally:
                self._flushing -= 1

    def close(self, seconds: float | None = None, log_out: bool = False) -> bool:
        """Takes no more events, sends those queued and ends; False: some were lost since they could not be sent within
        `seconds` (`Options.exit_seconds`). `log_out`: all sessions that were logged in here end first."""
        seconds = self._options.exit_seconds if seconds is None else seconds
        self._renew_after_fork()
        with self._changed:
            if self._closed:
                return True
            self._closed = True
            if log_out:
                self._outbox.log_out_all()
            self._flushing += 1
            self._changed.notify_all()
            sent = self._thread is None or self._changed.wait_for(lambda: self._outbox.idle, seconds)
            self._outbox.lose_all()
            self._ending.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(0.5 if sent else 0.1)
        self._report_losses()
        if sent:
            self._http.close()
        return sent

    def stats(self, areas: Areas, limit: int | None = None) -> Stats:
        """What is played now, most played first; `limit`: only the first modes of each area. Raises Refused, and
        httpx2.TransportError where there is no answer."""
        return stats_of(checked(self._http.get("/stats", params=parameters(areas, limit))).content)

    def stream(self, areas: Areas, limit: int | None = None) -> Iterator[Stats]:
        """The stats now, then each change, without end; connects again by itself. Raises Refused where that cannot
        help."""
        last = ""
        while True:
            pause = STREAM_PAUSE_SECONDS
            try:
                for stats, identity in self._frames(areas, limit, last):
                    last = identity
                    yield stats
            except httpx2.TransportError:
                pass
            except Refused as refused:
                if not refused.may_pass:
                    raise
                pause = max(pause, refused.retry_after)
            time.sleep(pause)

    def _frames(self, areas: Areas, limit: int | None, last: str) -> Iterator[tuple[Stats, str]]:
        """Of one connection, each with its id."""
        headers = {"Last-Event-ID": last} if last else {}
        asked = parameters(areas, limit)
        with self._http.stream(
            "GET", "/stats/stream", params=asked, headers=headers, timeout=STREAM_TIMEOUT
        ) as response:
            if response.status_code != 200:
                response.read()
            for event in httpx2.EventSource(checked(response), max_event_size=None):
                if event.event == "message" and event.data:
                    yield stats_of(event.data), event.id

    def _send_all(self) -> None:
        """The thread."""
        while not self._ending.is_set():
            with self._changed:
                batch = self._outbox.next_batch(at_once=self._flushing > 0)
                if batch is None:
                    self._changed.wait(max(self._outbox.seconds_to_next(), 0.01))
            if batch is not None:
                self._deliver(batch)
            self._report_losses()

    def _deliver(self, batch: Batch) -> None:
        """Until the batch is answered or lost."""
        while isinstance(verdict := self._post(batch), Again):
            if time.monotonic() + verdict.seconds > batch.deadline:
                verdict = Lost("gave_up", verdict.reason)
                break
            if batch.attempts == 1 and verdict.seconds:
                log_retry(verdict.reason)
            self._report_losses()
            if self._ending.wait(verdict.seconds):
                verdict = Lost("closed", verdict.reason)
                break
            with self._changed:
                self._outbox.retry()
        if isinstance(verdict, Halves):
            for half in batch.halves():
                self._deliver(half)
            return
        with self._changed:
            self._outbox.conclude(batch, verdict)
            self._changed.notify_all()

    def _post(self, batch: Batch) -> Delivered | Again | Halves | Lost:
        try:
            response = self._http.post(PATH, content=batch.body, headers=batch.headers)
        except httpx2.TransportError as error:
            return batch.unreachable(f"{type(error).__name__} {error}")
        except Exception as error:  # an address that is none, an answer that cannot be decoded: the thread lives on
            return Lost("not_modepulse", f"{type(error).__name__} {error}")
        return batch.judge(response.status_code, response.headers, response.content)

    def _report_losses(self) -> None:
        with self._changed:
            losses = self._outbox.take_losses()
        report(losses, self._options.on_loss)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _close(reference: "weakref.ref[Client]") -> None:
    """At exit; a client that is no longer used is not kept alive for it."""
    client = reference()
    if client is not None:
        client.close()
