"""What stands before every endpoint."""

import asyncio
from typing import Any

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Send
from starlette.types import Scope as RequestScope

from app.access.guard import Guard
from app.access.need import READ
from app.contract.api_key import Scope, new_key
from tests.admission import admission_of, bearer, request


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_long_answer_ends_with_its_key() -> None:
    key, text = new_key("x", [Scope.READ])
    admission = await admission_of([key])
    sent: list[Message] = []

    async def chunks() -> Any:
        for n in range(10):
            yield b"x"
            if n == 3:
                admission.keyring._learn(key.revoked())
                admission.update()

    async def endpoint(_: Any) -> StreamingResponse:
        return StreamingResponse(chunks())

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {**request(bearer(text)), "state": {"admission": admission}, "asgi": {"spec_version": "2.4"}}
    await Guard(endpoint, READ, "GET", "/")(scope, never, send)
    assert [message.get("body") for message in sent[1:]] == [b"x"] * 4
    assert sent[-1]["more_body"], "it does not look complete"


async def test_stream_ends_with_its_key_and_with_the_first_key() -> None:
    key, text = new_key("x", [Scope.READ])
    with_key, without = await admission_of([key]), await admission_of(loopback=True)
    for admission, scope in ((with_key, request(bearer(text))), (without, request())):
        held: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        principal = admission.admit(scope, READ, "")
        principal.hold(held)
        principal.hold(done)
        done.set_result(None)
        admission.update()
        assert not held.done()
        admission.keyring._learn(key.revoked())
        admission.update()
        assert held.cancelled()
        late: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        principal.hold(late)
        assert late.cancelled()


async def test_refusal_is_the_answer_and_the_endpoint_is_not_called() -> None:
    async def endpoint(scope: RequestScope, receive: Receive, send: Send) -> None:
        pytest.fail("called")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {**request(), "state": {"admission": await admission_of()}}
    await Guard(endpoint, READ, "GET", "/")(scope, never, send)
    assert sent[0]["status"] == 401
