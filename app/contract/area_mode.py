"""`area|mode`: how an area and a mode stand together in session sets, log lines and script arguments.

A name never holds a `|` (app.contract.event), so the first one is where it is cut.
"""


def join_area_mode(area_code: str, mode: str) -> str:
    """`area|mode`"""
    return f"{area_code}|{mode}"


def split_area_mode(area_mode: str) -> tuple[str, str]:
    """(area_code, multiplayer_mode)"""
    area_code, _, mode = area_mode.partition("|")
    return area_code, mode
