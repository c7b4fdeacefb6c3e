import json

from app.live.rankings import ranking_json


def test_ranking_is_json_in_its_order() -> None:
    names = ['a "b"\\', "日本 🎮", "duel"]
    ranking = [part for n, mode in enumerate(names) for part in (mode.encode(), str(9 - n).encode())]
    expected = [{"multiplayer_mode": mode, "count": 9 - n} for n, mode in enumerate(names)]
    for _ in range(2):  # the second time from what was kept
        assert json.loads(ranking_json(ranking)) == expected
        assert json.loads(ranking_json(ranking, 2)) == expected[:2]
        assert json.loads(ranking_json(ranking, 9)) == expected
    assert ranking_json([]) == b"[]"
