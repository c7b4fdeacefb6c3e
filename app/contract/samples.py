"""Names that made-up events use: those of POST /generate_data, `modepulse simulate` and the measurements."""

MODES = ("duel", "team_deathmatch", "capture_the_flag", "battle_royale", "co_op")
