"""A TCP proxy that harms the next request that contains some bytes."""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field


@dataclass
class Fault:
    """`kind`: swallow (no reply, connection stays), cut (close after `keep` bytes of the reply), reset (RST, no
    reply), half-close (FIN towards the client, no reply), refuse (close before the request is passed on)."""

    kind: str
    keep: int = 0
    done: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on `port`; passes everything on to `target` until a fault is armed."""

    def __init__(self, target: int, trigger: bytes) -> None:
        self._target = target
        self._trigger = trigger
        self._fault: Fault | None = None
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self.port = 0

        async def serve() -> None:
            server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._stop = asyncio.Event()
            started.set()
            await self._stop.wait()
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # a turn of the loop, in which aborted transports close their sockets

        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(serve()), name="proxy")
        self._thread.start()
        started.wait()

    def arm(self, fault: Fault) -> None:
        """Harms the next request; `fault.done` is set when that has happened."""
        self._fault = fault

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _connection(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        harmed: list[Fault] = []
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.ExitStack() as ended:
            ended.callback(to_client.transport.abort)
            server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
            ended.callback(to_server.transport.abort)
            back = asyncio.create_task(self._pass_back(server, to_client, harmed))
            ended.callback(back.cancel)
            while data := await client.read(1 << 18):
                if self._fault is not None and self._trigger in data:
                    fault, self._fault = self._fault, None
                    if fault.kind == "refuse":
                        fault.done.set()
                        break
                    harmed.append(fault)
                to_server.write(data)
                await to_server.drain()

    async def _pass_back(
        self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, harmed: list[Fault]
    ) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while data := await server.read(1 << 18):
                if not harmed:
                    to_client.write(data)
                    await to_client.drain()
                    continue
                # Several where commands are written before earlier ones are answered.
                fault = harmed[-1]
                if fault.kind == "cut":
                    to_client.write(data[: fault.keep])
                    await to_client.drain()
                    to_client.close()
                elif fault.kind == "half-close":
                    to_client.write_eof()
                elif fault.kind == "reset":
                    raw: socket.socket = to_client.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    to_client.transport.abort()
                for fault in harmed:
                    fault.done.set()
        to_client.close()
