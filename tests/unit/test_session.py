"""The cookie of a session: nobody makes one without the secret, and it lasts as long as it says."""

import re
from typing import NoReturn

import pytest

from app.access.session import Sessions
from app.errors import Unavailable

NOW = 1_795_490_591.5
SECRET = b"s" * 32


def sessions(secret: bytes = SECRET, path: str = "") -> Sessions:
    return Sessions(lambda: secret, 3600, path)


def cookie(key_id: str = "k3y", secret: bytes = SECRET) -> bytes:
    """`modepulse_session=...`, as the browser sends it."""
    return sessions(secret).cookie(key_id, NOW, secure=False).partition(";")[0].encode()


def test_session_stands_for_its_key_until_it_ends() -> None:
    assert sessions().key_id_of(cookie(), NOW) == "k3y"
    assert sessions().key_id_of(cookie(), NOW + 3599) == "k3y"
    assert sessions().key_id_of(cookie(), NOW + 3600) is None


def test_attributes_of_the_cookie() -> None:
    attributes = "Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"
    assert sessions().cookie("k3y", NOW, secure=False).endswith(f"; {attributes}")
    assert sessions().cookie("k3y", NOW, secure=True).endswith(f"; {attributes}; Secure")
    assert "; Path=/modepulse; " in sessions(path="/modepulse").cookie("k3y", NOW, secure=False)
    assert sessions().end(secure=True) == "modepulse_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"


def test_key_itself_and_the_secret_are_not_in_it() -> None:
    assert re.fullmatch(rb"modepulse_session=k3y\.\d+\.[\w-]{43}", cookie())
    assert SECRET not in cookie()


def test_it_is_found_among_other_cookies() -> None:
    for header in (
        b"a=b; %b; c=d",
        b"%b;x",
        b";;%b",
        b"  %b  ",
        b"modepulse_session=bad; %b",
        b"modepulse_session=; %b",
        b"xmodepulse_session=1;%b",
        b"\xff\xfe=\x00; %b",
    ):
        assert sessions().key_id_of(header % cookie(), NOW) == "k3y"


def test_every_change_makes_it_worthless() -> None:
    good = cookie()
    name = len("modepulse_session=")
    for place in range(name, len(good)):
        for other in (b"A", b"0", b".", b"=", b"%", b"\x00", b"\xff", b" x", b""):
            changed = good[:place] + other + good[place + 1 :]
            if changed != good:
                assert sessions().key_id_of(changed, NOW) is None, changed


@pytest.mark.parametrize(
    "header",
    [
        *(
            b"",
            b";",
            b"=",
            b"modepulse_session",
            b"modepulse_session=",
            b"modepulse_session=k3y",
            b"modepulse_session=k3y.9.",
        ),
        *(
            b"modepulse_session=..",
            b"modepulse_session=k3y.9999999999." + b"A" * 43,
            b"modepulse_session=" + b"a" * 100_000,
        ),
        *(
            b"modepulse_session=k3y.99999999999999999999." + b"A" * 43,
            b"modepulse_session=" + b"9" * 70_000 + b".1." + b"A" * 43,
        ),
        b";" * 60_000,
        b"modepulse_session=x;" * 5_000,
    ],
)
def test_what_is_no_session_is_none(header: bytes) -> None:
    assert sessions().key_id_of(header, NOW) is None


def test_other_secret_ends_all_sessions() -> None:
    assert sessions(b"t" * 32).key_id_of(cookie(), NOW) is None


def test_content_of_one_session_cannot_run_into_its_end() -> None:
    """`k3y` until 11795... is not `k3y.1` until 1795..."""
    _, end, signature = cookie().partition(b"=")[2].split(b".")
    moved = b"modepulse_session=k3y.1" + end + b"." + signature
    assert sessions().key_id_of(moved, NOW) is None


def test_without_a_secret_nobody_is_refused_in_its_name() -> None:
    def unknown() -> NoReturn:
        raise Unavailable("redis_unavailable", "Redis cannot be reached")

    waiting = Sessions(unknown, 3600, "")
    with pytest.raises(Unavailable):
        waiting.key_id_of(cookie(), NOW)
    with pytest.raises(Unavailable):
        waiting.cookie("k3y", NOW, secure=False)
    assert waiting.key_id_of(b"other=1", NOW) is None
