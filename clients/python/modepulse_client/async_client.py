"""The client for programs with an event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
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


class AsyncClient(SessionReports):
    """Of the service at `url`, with an API key where it needs one; for one event loop.

    Events are sent by a task, which starts with the first one. Use it with `async with`, or call `close` at the end:
    an event loop that has ended sends nothing.
    """

    def __init__(self, url: str, key: str = "", options: Options | None = None) -> None:
        self._options = options or Options()
        self._http = httpx2.AsyncClient(**settings(url, key, self._options))
        self._outbox = Outbox(self._options)
        self._wake, self._progress = asyncio.Event(), asyncio.Event()
        self._flushing = 0
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def _put(self, name: EventsName, user_id: str, area_code: int | str, mode: str, at: float | None) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._send_all())
        self._outbox.put(name, user_id, area_code, mode, at)
        self._wake.set()

    @property
    def totals(self) -> Totals:
        """What was done so far."""
        return self._outbox.totals

    async def flush(self, seconds: float | None = None) -> bool:
        """Sends what is queued now and waits until it is answered. False: not within `seconds`."""
        target = self._outbox.put_count
        return await self._sent(seconds, lambda: self._outbox.settled_count >= target)

    async def close(self, seconds: float | None = None, log_out: bool = False) -> bool:
        """Takes no more events, sends those queued and ends; False: some were lost since they could not be sent within
        `seconds` (`Options.exit_seconds`). `log_out`: all sessions that were logged in here end first."""
        if self._closed:
            return True
        self._closed = True
        if log_out:
            self._outbox.log_out_all()
        seconds = self._options.exit_seconds if seconds is None else seconds
        sent = self._task is None or await self._sent(seconds, lambda: self._outbox.idle)
        self._outbox.lose_all()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._report_losses()
        await self._http.aclose()
        return sent

    async def _sent(self, seconds: float | None, done: Callable[[], bool]) -> bool:
        """Sends without waiting for more events until it is done, or the time is over."""
        self._flushing += 1
        self._wake.set()
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    await self._progress.wait()
        except TimeoutError:
            return False
        finally:
            self._flushing -= 1
        return True

    async def stats(self, areas: Areas, limit: int | None = None) -> Stats:
        """What is played now, most played first; `limit`: only the first modes of each area. Raises Refused, and
        httpx2.TransportError where there is no answer."""
        return stats_of(checked(await self._http.get("/stats", params=parameters(areas, limit))).content)

    async def stream(self, areas: Areas, limit: int | None = None) -> AsyncIterator[Stats]:
        """The stats now, then each change, without end; connects again by itself. Raises Refused where that cannot
        help."""
        last = ""
        while True:
            pause = STREAM_PAUSE_SECONDS
            try:
                async for stats, identity in self._frames(areas, limit, last):
                    last = identity
                    yield stats
            except httpx2.TransportError:
                pass
            except Refused as refused:
                if not refused.may_pass:
                    raise
                pause = max(pause, refused.retry_after)
            await asyncio.sleep(pause)

    async def _frames(self, areas: Areas, limit: int | None, last: str) -> AsyncIterator[tuple[Stats, str]]:
        """Of one connection, each with its id."""
        headers = {"Last-Event-ID": last} if last else {}
        asked = parameters(areas, limit)
        async with self._http.stream(
            "GET", "/stats/stream", params=asked, headers=headers, timeout=STREAM_TIMEOUT
        ) as response:
            if response.status_code != 200:
                await response.aread()
            async for event in httpx2.EventSource(checked(response), max_event_size=None):
                if event.event == "message" and event.data:
                    yield stats_of(event.data), event.id

    async def _send_all(self) -> None:
        """The task."""
        while True:
            self._wake.clear()
            batch = self._outbox.next_batch(at_once=self._flushing > 0)
            if batch is not None:
                await self._deliver(batch)
            else:
                try:
                    async with asyncio.timeout(max(self._outbox.seconds_to_next(), 0.01)):
                        await self._wake.wait()
                except TimeoutError:
                    pass
            self._report_losses()

    async def _deliver(self, batch: Batch) -> None:
        """Until the batch is answered or lost."""
        loop = asyncio.get_running_loop()
        while isinstance(verdict := await self._post(batch), Again):
            if loop.time() + verdict.seconds > batch.deadline:
                verdict = Lost("gave_up", verdict.reason)
                break
            if batch.attempts == 1 and verdict.seconds:
                log_retry(verdict.reason)
            self._report_losses()
            await asyncio.sleep(verdict.seconds)
            self._outbox.retry()
        if isinstance(verdict, Halves):
            for half in batch.halves():
                await self._deliver(half)
            return
        self._outbox.conclude(batch, verdict)
        self._progress.set()
        self._progress = asyncio.Event()

    async def _post(self, batch: Batch) -> Delivered | Again | Halves | Lost:
        try:
            response = await self._http.post(PATH, content=batch.body, headers=batch.headers)
        except httpx2.TransportError as error:
            return batch.unreachable(f"{type(error).__name__} {error}")
        except Exception as error:  # an answer that cannot be decoded: the task lives on
            return Lost("not_modepulse", f"{type(error).__name__} {error}")
        return batch.judge(response.status_code, response.headers, response.content)

    def _report_losses(self) -> None:
        report(self._outbox.take_losses(), self._options.on_loss)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
