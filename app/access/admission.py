"""Decides who is let in: by key, scope and limits."""

import asyncio
import hmac
import logging
from math import inf
from time import monotonic, time

from starlette.types import Scope as RequestScope

from app.access import refusals
from app.access.addresses import Addresses
from app.access.client_address import client_address
from app.access.credentials import HEADERS, Header, key_in, key_parameter
from app.access.need import Need
from app.access.principal import EVERYTHING, Principal
from app.access.session import Sessions
from app.contract.api_key import ApiKey, Scope, digest_of, key_id
from app.contract.memo import Memo
from app.live.keyring import Keyring
from app.settings import Settings

log = logging.getLogger(__name__)

# Twice within the second in which a new key has to work, ten times within the five after which a revoked one must not.
REFRESH_SECONDS = 0.5
# What is used where MODEPULSE_ADDRESS_..._PER_SECOND is not set, unless keys are off on loopback.
ADDRESS_REQUESTS_PER_SECOND = 500
ADDRESS_EVENTS_PER_SECOND = 5_000
# An admin token of fewer characters gets a warning: unlike a key it is chosen by people.
SHORT_TOKEN = 20
# Header values and query strings that are remembered as good, and how long (in bytes) each may be.
MAX_REMEMBERED = 10_000
MAX_REMEMBERED_BYTES = 300


class Admission:
    """One per API process; its limits count in this process alone.

    `enforced`: keys are needed. They are not while none was ever created, on loopback or where
    MODEPULSE_ALLOW_ANONYMOUS says so.
    """

    def __init__(self, settings: Settings, keyring: Keyring, loopback: bool, sessions: Sessions | None = None) -> None:
        self._settings = settings
        self._sessions = sessions
        # A proxy on this machine lets others in.
        self._private = loopback and not settings.trusted_proxies
        self._may_be_open = self._private or settings.allow_anonymous
        self.keyring = keyring
        self._known: Memo[Header, Principal] = Memo(MAX_REMEMBERED, MAX_REMEMBERED_BYTES)
        self._principals: dict[str, Principal] = {}  # by the key's id
        self._clean_queries: Memo[bytes, bool] = Memo(MAX_REMEMBERED, MAX_REMEMBERED_BYTES)
        self._admin_digest = digest_of(settings.admin_token.encode()) if settings.admin_token else ""
        self._admin = self._principal(EVERYTHING, "admin", "MODEPULSE_ADMIN_TOKEN", 0, inf)
        if 0 < len(settings.admin_token) < SHORT_TOKEN:
            log.warning("MODEPULSE_ADMIN_TOKEN is short enough to be guessed", extra={"action": "keys"})
        self.enforced = self._must_enforce()
        self._addresses = self._make_addresses()
        self._anybody = self._make_anybody()

    async def run(self) -> None:
        """Refreshes until it is cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Reads the keys anew, and ends what was let in with one that is no longer valid."""
        await self.keyring.refresh()
        self.update()

    def update(self) -> None:
        """Follows the keyring."""
        now = time()
        ended = []
        for identity, principal in self._principals.items():
            key = self.keyring.get(identity)
            if key is None or not key.is_valid(now):
                ended.append(identity)
                principal.end()
        if ended:
            for identity in ended:
                del self._principals[identity]
            for header in [header for header, principal in self._known.items() if principal.ended]:
                del self._known[header]
        if self.enforced != self._must_enforce():
            self.enforced = not self.enforced
            log.info("Keys are needed" if self.enforced else "Keys are off", extra={"action": "keys"})
            self._addresses.end()
            self._addresses = self._make_addresses()
            if self._anybody is not None:
                self._anybody.end()
            self._anybody = self._make_anybody()

    def admit(self, request: RequestScope, need: Need, route: str) -> Principal:
        """Whoever makes this request, now that it is let in. Raises Problem (401, 403, 422, 429, 503)."""
        query = request["query_string"]
        if query and query not in self._clean_queries:
            self._check_query(query)
        if self._anybody is not None and not need.always:
            return self._anybody
        scope = need.scope
        now = monotonic()
        if scope is not None:
            for header in request["headers"]:
                if header[0] in HEADERS:
                    principal = self._known.get(header)
                    if principal is None or principal.until <= now:
                        principal = self._identify(request, need, route, now)
                        if principal is None:
                            break
                    return _let_in(principal, request, scope, now)
            principal = self._of_session(request)
            if principal is not None:
                return _let_in(principal, request, scope, now)
        return self._admit_without_key(request, need, now)

    def _of_session(self, request: RequestScope) -> Principal | None:
        """Whose session the page has. Raises Problem (401; 503 while sessions cannot be checked)."""
        if self._sessions is None:
            return None
        for name, value in request["headers"]:
            if name == b"cookie" and (identity := self._sessions.key_id_of(value, time())):
                if identity == self._admin.id and self._admin_digest:
                    return self._admin
                key = self.keyring.get(identity)
                return None if key is None else self._of_key(key)
        return None

    def _check_query(self, query: bytes) -> None:
        name = key_parameter(query)
        if name is not None:
            raise refusals.key_in_query(name)
        self._clean_queries.keep(query, True, len(query))

    def _identify(self, request: RequestScope, need: Need, route: str, now: float) -> Principal | None:
        """Whose key the headers hold; None without one, and for a wrong one where none is needed."""
        given = key_in(request["headers"])
        if given is None:
            return None
        header, text = given
        digest = digest_of(text)
        if self._admin_digest and hmac.compare_digest(digest, self._admin_digest):
            principal = self._admin
        else:
            key = self.keyring.find(digest)
            if key is None:
                if self.enforced or need.always:
                    self._refuse_wrong(request, text, route, now)
                return None
            principal = self._of_key(key)
        return self._known.keep(header, principal, len(header[1]))

    def _refuse_wrong(self, request: RequestScope, text: bytes, route: str, now: float) -> None:
        address = client_address(request)
        visitor = self._addresses.of(address, now)
        _take_request(visitor.principal, now)
        if not self.enforced and not self._admin_digest:
            raise refusals.admin_disabled()
        if not self.keyring.known:
            raise refusals.keys_unknown()
        wait = visitor.wrong_keys.take(1, now)
        if wait:
            raise refusals.too_many_wrong_keys(visitor.wrong_keys, wait, now)
        log.warning(
            "A wrong key was refused",
            extra={"action": "wrong_key", "address": address, "route": route, "key": key_id(text)},
        )
        raise refusals.invalid_key()

    def _of_key(self, key: ApiKey) -> Principal:
        """Raises Problem (401)."""
        now = time()
        if key.revoked_at is not None:
            raise refusals.revoked_key()
        if key.has_expired(now):
            raise refusals.expired_key()
        principal = self._principals.get(key.id)
        if principal is None:
            scopes = EVERYTHING if Scope.ADMIN in key.scopes else frozenset(key.scopes)
            until = inf if key.expires_at is None else monotonic() + key.expires_at - now
            principal = self._principals[key.id] = self._principal(scopes, key.id, key.name, key.rate, until)
        return principal

    def _principal(self, scopes: frozenset[Scope], identity: str, name: str, rate: float, until: float) -> Principal:
        requests = rate or self._settings.key_requests_per_second
        return Principal(scopes, requests, self._settings.key_events_per_second, identity, name, until)

    def _admit_without_key(self, request: RequestScope, need: Need, now: float) -> Principal:
        visitor = self._addresses.of(client_address(request), now)
        if need.limited:
            _take_request(visitor.principal, now)
        if need.scope is None or (need.public and self._settings.public_reads):
            return visitor.principal
        if self.enforced or need.always:
            if self._may_be_open and not (self.keyring or self.keyring.known):
                raise refusals.keys_unknown()  # and so is whether one is needed
            raise refusals.key_required() if self.enforced or self._admin_digest else refusals.admin_disabled()
        return visitor.principal

    def _must_enforce(self) -> bool:
        return bool(self.keyring) or not (self._may_be_open and self.keyring.known)

    def _make_anybody(self) -> Principal | None:
        """Who makes every request while there is neither a key nor a limit."""
        settings = self._settings
        limits = settings.address_requests_per_second or settings.address_events_per_second
        return None if self.enforced or limits or not self._private else Principal(frozenset(), 0, 0)

    def _make_addresses(self) -> Addresses:
        settings = self._settings
        automatic = self.enforced or not self._private
        return Addresses(
            settings.address_requests_per_second or automatic * ADDRESS_REQUESTS_PER_SECOND,
            settings.address_events_per_second or automatic * ADDRESS_EVENTS_PER_SECOND,
            settings.wrong_keys_per_minute,
        )


def _let_in(principal: Principal, request: RequestScope, scope: Scope, now: float) -> Principal:
    """Raises Problem (403, 429)."""
    request["state"]["principal"] = principal  # for the log and the audit trail of a refusal
    if scope not in principal.scopes:
        raise refusals.insufficient_scope(scope)
    _take_request(principal, now)
    return principal


def _take_request(principal: Principal, now: float) -> None:
    """Raises Problem (429)."""
    limit = principal.requests
    if limit is not None and (wait := limit.take(1, now)):
        raise refusals.too_many_requests(limit, wait, now)
