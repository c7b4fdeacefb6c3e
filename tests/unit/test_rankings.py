import json

from app.live.rankings import areas_by_players, modes_by_players, ranking_json

OVERVIEW = {"10": [("ctf", 2), ("a", 1)], "1": [("duel", 2), ("b", 1)], "2": [("chess", 5)]}


def test_ranking_is_json_in_its_order() -> None:
    names = ['a "b"\\', "日本 🎮", "duel"]
    ranking = [part for n, mode in enumerate(names) for part in (mode.encode(), str(9 - n).encode())]
    expected = [{"multiplayer_mode": mode, "count": 9 - n} for n, mode in enumerate(names)]
    for _ in range(2):  # the second time from what was kept
        assert json.loads(ranking_json(ranking)) == expected
        assert json.loads(ranking_json(ranking, 2)) == expected[:2]
        assert json.loads(ranking_json(ranking, 9)) == expected
    assert ranking_json([]) == b"[]"


def test_areas_are_sorted_by_players_then_by_name() -> None:
    areas = areas_by_players(OVERVIEW)
    assert [(a["area_code"], a["players"], a["top_mode"], a["top_mode_count"]) for a in areas["areas"]] == [
        ("2", 5, "chess", 5),
        ("1", 3, "duel", 2),
        ("10", 3, "ctf", 2),
    ]
    assert areas["players"] == 11
    assert areas_by_players(OVERVIEW, 2) == {"areas": areas["areas"][:2], "players": 11}
    assert areas_by_players({}) == {"areas": [], "players": 0}


def test_modes_are_summed_over_all_areas() -> None:
    modes = modes_by_players(OVERVIEW)
    assert [(m["multiplayer_mode"], m["count"]) for m in modes["modes"]] == [
        ("chess", 5),
        ("ctf", 2),
        ("duel", 2),
        ("a", 1),
        ("b", 1),
    ]
    assert modes["players"] == 11
