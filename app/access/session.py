"""The page's session: a signed cookie that stands for a key, as EventSource sends no headers."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

NAME = "modepulse_session"
# id of the key, seconds since 1970 at which the session ends, signature
_value = re.compile(rb"([A-Za-z0-9_-]{1,64})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})").fullmatch
# Cookies of this name that are looked at: a service under another path of the same host may have set one, too.
MAX_COOKIES = 8


class Sessions:
    """Holds nothing: the cookie says which key and until when. It is only as good as that key.

    `signing_key` returns what all API processes sign with, or raises Problem; `seconds`: how long a session lasts;
    `path`: MODEPULSE_ROOT_PATH.
    """

    def __init__(self, signing_key: Callable[[], bytes], seconds: int, path: str) -> None:
        self._signing_key = signing_key
        self._seconds = seconds
        self._path = path or "/"

    def key_id_of(self, cookie_header: bytes, now: float) -> str | None:
        """The id of the key that the session stands for, None without a valid one. Whether that key still is one, its
        keyring knows. Raises Problem while nothing can be checked.
        """
        found = 0
        for cookie in cookie_header.split(b";"):
            name, _, value = cookie.strip().partition(b"=")
            if name != NAME.encode():
                continue
            found += 1
            parsed = _value(value)
            if parsed is not None and self._is_valid(parsed[1], parsed[2], parsed[3], now):
                return str(parsed[1].decode())
            if found == MAX_COOKIES:
                break
        return None

    def cookie(self, key_id: str, now: float, secure: bool) -> str:
        """The Set-Cookie header that starts a session. `secure`: the client's connection is encrypted.

        Raises Problem while nothing can be signed.
        """
        content = f"{key_id}.{int(now) + self._seconds}"
        value = f"{content}.{self._signature(content.encode()).decode()}"
        return self._header(value, self._seconds, secure)

    def end(self, secure: bool) -> str:
        """The Set-Cookie header that ends a session."""
        return self._header("", 0, secure)

    def _is_valid(self, key_id: bytes, end: bytes, signature: bytes, now: float) -> bool:
        return hmac.compare_digest(self._signature(key_id + b"." + end), signature) and int(end) > now

    def _signature(self, content: bytes) -> bytes:
        """43 characters: HMAC-SHA256."""
        return urlsafe_b64encode(hmac.digest(self._signing_key(), content, "sha256")).rstrip(b"=")

    def _header(self, value: str, seconds: int, secure: bool) -> str:
        parts = [f"{NAME}={value}", f"Path={self._path}", f"Max-Age={seconds}", "HttpOnly", "SameSite=Strict"]
        return "; ".join([*parts, "Secure"] if secure else parts)
