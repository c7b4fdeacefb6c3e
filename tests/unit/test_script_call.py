"""What each reply of Redis leads to, on a connection that the test answers."""

import asyncio
from typing import Any, cast

import pytest
from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.contract.keys import keys_of
from app.errors import InvalidRequest, Unavailable
from app.live import script_call as module
from app.live.multiplexer import Multiplexer, NotSent
from app.live.script_call import MEANINGS, Meaning, ScriptCall, meaning_of
from app.live.submission import Group, RequestKey
from app.settings import Settings
from lua import record_events, record_rest

EPOCH = ResponseError("EPOCH the partition is closed or another")
CONFLICT = ResponseError("CONFLICT the key was used with another request")
LIMIT = ResponseError("LIMIT 0:A")


class ScriptedConnection:
    """Gives the answers in turn: a list of replies, or an error of the connection. Keeps what was sent."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.sent: list[bytes] = []

    async def run(self, commands: bytes, count: int) -> list[Any]:
        self.sent.append(commands)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert len(answer) == count
        return cast("list[Any]", answer)


async def record(
    *answers: Any, known: str | None = "e", key: RequestKey | None = None, continues: bool = False, **settings: Any
) -> tuple[Any, ScriptedConnection, int]:
    """(the outcomes or the Problem's code, the connection, how often `on_lost` was called)"""
    connection = ScriptedConnection(*answers)

    async def known_epoch(_: int) -> str | None:
        return known

    losses = 0

    def on_lost() -> None:
        nonlocal losses
        losses += 1

    call = ScriptCall(cast(Multiplexer, connection), keys_of(0), Settings(**settings), known_epoch)
    deadline = asyncio.get_running_loop().time() + 5
    group = Group(["u", "1|duel", "LOGIN", ""], deadline, key, 0, continues)
    try:
        result: Any = await call.record(group, on_lost)
    except (Unavailable, InvalidRequest) as error:
        result = error.code
    assert call.lost == 0
    return result, connection, losses


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE_SECONDS", 0)


def test_every_meaning_stands_in_the_table_and_none_is_hidden_by_an_earlier_case() -> None:
    assert {case.meaning for case in MEANINGS} == set(Meaning)
    for case in MEANINGS:
        assert meaning_of(case.error(case.text + " and more")) is case.meaning


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (BusyLoadingError("LOADING"), Meaning.NOT_RUN),
        (NotSent("refused"), Meaning.NOT_RUN),
        (RedisConnectionError("gone"), Meaning.LOST),
        (RedisTimeoutError("slow"), Meaning.LOST),
        (EPOCH, Meaning.OTHER_EPOCH),
        (CONFLICT, Meaning.KEY_REUSED),
        (LIMIT, Meaning.OVER_LIMIT),
        (ResponseError("ANSWERS as many"), Meaning.TOO_MANY_KEYS),
        (OutOfMemoryError("OOM"), Meaning.NO_ROOM),
        (ReadOnlyError("READONLY"), Meaning.REFUSED),
        (ResponseError("WRONGTYPE"), Meaning.REFUSED),
        (ResponseError("an EPOCH in the middle"), Meaning.REFUSED),
    ],
)
def test_meaning(error: Any, meaning: Meaning) -> None:
    assert meaning_of(error) is meaning


async def test_first_call_reads_the_epoch_and_hands_it_to_the_script() -> None:
    outcomes, connection, _ = await record([b"e"], [b"a"])
    assert outcomes == "a"
    assert b"{0}:epoch" in connection.sent[0]
    assert record_events.sha.encode() in connection.sent[1]
    assert b"\r\n$1\r\ne\r\n" in connection.sent[1]


async def test_later_part_runs_the_script_that_full_memory_does_not_refuse() -> None:
    _, connection, _ = await record([b"e"], [b"a"], continues=True)
    assert record_rest.sha.encode() in connection.sent[1]


async def test_lost_answer_is_asked_for_again_with_the_same_token() -> None:
    outcomes, connection, losses = await record([b"e"], RedisTimeoutError("slow"), RedisConnectionError("x"), [b"a"])
    assert (outcomes, losses) == ("a", 2)
    assert connection.sent[1] == connection.sent[2] == connection.sent[3]


async def test_call_that_never_ran_is_not_repeated() -> None:
    for error in (NotSent("refused"), [BusyLoadingError("LOADING")]):
        assert (await record([b"e"], error))[0] == "redis_unavailable"


async def test_not_sent_after_a_lost_answer_is_repeated() -> None:
    assert (await record([b"e"], RedisTimeoutError("slow"), NotSent("refused"), [b"a"]))[0] == "a"


async def test_epoch_is_read_anew_once() -> None:
    assert (await record([b"e"], [EPOCH], [b"e"], [b"a"]))[0] == "a"
    assert (await record([b"e"], [EPOCH], [b"e"], [EPOCH]))[0] == "partition_closed"


@pytest.mark.parametrize(("epoch", "known"), [(None, "e"), (b"theirs", "e")])
async def test_closed_or_foreign_partition_is_refused(epoch: bytes | None, known: str) -> None:
    assert (await record([epoch], known=known))[0] == "partition_closed"


async def test_archive_that_cannot_be_asked_does_not_stop_events() -> None:
    assert (await record([b"e"], [b"a"], known=None))[0] == "a"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CONFLICT, "idempotency_key_reused"),
        (LIMIT, "too_many_areas"),
        (ResponseError("ANSWERS as many"), "too_many_keys"),
        (OutOfMemoryError("OOM"), "out_of_memory"),
        (ReadOnlyError("READONLY"), "redis_refused"),
    ],
)
async def test_refusal_is_final(error: Exception, code: str) -> None:
    assert (await record([b"e"], [error]))[0] == code


@pytest.mark.parametrize("error", [OutOfMemoryError("OOM"), ReadOnlyError("READONLY"), EPOCH, LIMIT])
async def test_refusal_after_a_lost_answer_does_not_claim_that_nothing_was_applied(error: Exception) -> None:
    answers: list[Any] = [[b"e"], RedisTimeoutError("slow"), [error]]
    if error is EPOCH:
        answers += [[None]]
    assert (await record(*answers))[0] == "outcome_unknown"


async def test_deadline_ends_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE_SECONDS", 10)
    assert (await record([b"e"], RedisTimeoutError("slow")))[0] == "outcome_unknown"


async def test_server_without_the_script_is_given_it() -> None:
    outcomes, connection, _ = await record([b"e"], [NoScriptError("NOSCRIPT")], [b"sha", b"a"])
    assert outcomes == "a"
    assert connection.sent[2].endswith(connection.sent[1])
    assert b"SCRIPT" in connection.sent[2]


async def test_missing_replicas_are_a_lost_answer() -> None:
    outcomes, connection, _ = await record([b"e"], [b"a", 0], [b"a", 1], wait_replicas=1)
    assert outcomes == "a"
    assert b"WAIT" in connection.sent[1]


async def test_key_names_the_answer_and_its_part() -> None:
    _, connection, _ = await record([b"e"], [b"a"], key=RequestKey("digest", "print", 77))
    assert b"{0}:call:digest:0" in connection.sent[1]
    assert b"\r\n77\r\n" in connection.sent[1]
    assert b"\r\nprint\r\n" in connection.sent[1]
