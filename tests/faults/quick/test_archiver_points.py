"""kill -9 of the archiver at each point of its protocol."""

from pathlib import Path

import pytest

from tests.conftest import BINARIES, ON_VALKEY
from tests.faults.hook import sitecustomize
from tests.faults.kills import flush_all
from tests.faults.load import Load, check
from tests.faults.redis_files import aof, cut, replace_redis, settle
from tests.faults.summary import SUMMARY
from tests.servers import Stack, eventually, ready


@ON_VALKEY
def test_archiver_killed_at_each_point_of_its_protocol(
    redis_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = tmp_path / "order"
    monkeypatch.setenv("PYTHONPATH", str(Path(sitecustomize.__file__).parent))
    monkeypatch.setenv("MODEPULSE_TEST_KILL_ORDER", str(order))
    with Stack(tmp_path / "data", redis_server=str(BINARIES[redis_name])) as stack:
        with Load(stack.url, 31, rate=3000) as load:
            for point in sitecustomize.POINTS:
                settle(load, stack)
                order.write_text(point)
                if "heal" in point:
                    replace_redis(stack, lambda: cut(aof(stack), 500))
                elif "rebuild" in point or "exchange" in point:
                    flush_all(stack)
                elif "trim" in point:
                    stack.kill("archiver")  # it trims at its start, otherwise only every ten seconds
                load.resume()
                eventually(lambda: not order.exists(), 30)
                eventually(lambda: ready(stack), 30)
        SUMMARY.add(f"{redis_name}: archiver killed at a point", len(sitecustomize.POINTS), check(stack, load))
