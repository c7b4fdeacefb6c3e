"""The addresses of the stores, `redis_url` and `postgres_dsn`: which are possible, and the password that they carry.

In an address a user name or password is percent-encoded: `@` is `%40`, `/` `%2F`, `#` `%23`, `:` `%3A`, `%` `%25`.
Where it is not, clients disagree about it (one splits at the first `@`, another at the last), or take part of the
password for the host and show it in an error. So they are given what stands here.
"""

import re
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "unix")
POSTGRES_SCHEMES = ("postgresql", "postgres")
# Of one host: a name or an address, and perhaps a port.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\[\]:@/?#\\]*)(?::(\d{1,5}))?")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")
_USER_END = "@"


def canonical(text: str, schemes: tuple[str, ...]) -> str:
    """The address with its user and password percent-encoded. Raises ValueError for what is no address."""
    scheme, separator, rest = text.partition("://")
    if scheme not in schemes or not separator or _UNSEEN.search(text):
        raise ValueError("no address of a store")
    parts = _split(text)
    if scheme != "unix" and (parts is None or _USER_END in parts.path + parts.fragment):
        # A password with one of `/ ? # [` as it is: it ends at the last `@`.
        user, _, place = rest.rpartition(_USER_END)
        parts = _split(f"{scheme}://{_encoded(user)}@{place}")
    if parts is None or parts.fragment or (scheme == "unix" and not parts.path):
        raise ValueError("no address of a store")
    user, at, hosts = parts.netloc.rpartition(_USER_END)
    return _joined(parts._replace(netloc=_encoded(user) + at + hosts))


def with_password(address: str, password: str) -> str:
    """A canonical address with this password, unless it has one already."""
    parts = urlsplit(address)
    user, _, hosts = parts.netloc.rpartition(_USER_END)
    if not password or ":" in user or "password" in parse_qs(parts.query):
        return address
    return _joined(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{hosts}"))


def without_secrets(address: str) -> str:
    """A canonical address to be shown: without user, password and what stands behind `?`."""
    parts = urlsplit(address)
    return _joined(parts._replace(netloc=parts.netloc.rpartition(_USER_END)[2], query=""))


def _split(text: str) -> SplitResult | None:
    """None where the host or the port cannot be one."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    hosts = parts.netloc.rpartition(_USER_END)[2].split(",")
    found = [_HOST.fullmatch(host) for host in hosts]
    return parts if all(host and int(host[1] or 1) in range(1, 65536) for host in found) else None


def _encoded(user: str) -> str:
    """`name:password`, either of them encoded or not."""
    return ":".join(quote(unquote(part), safe="") for part in user.split(":", 1))


def _joined(parts: SplitResult) -> str:
    """urlunsplit leaves `//` out where there is no host; redis-py wants it."""
    query = parts.query and f"?{parts.query}"
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"
