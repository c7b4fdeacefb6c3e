"""Decides who is let in: by key and scope."""

import asyncio
import hmac
import time
from math import inf
from time import monotonic

from starlette.types import Scope as RequestScope

from app.access import refusals
from app.access.need import Need
from app.access.principal import EVERYTHING, Principal
from app.access.session import Sessions
from app.contract.api_key import ApiKey, Scope, digest_of
from app.live.keyring import Keyring
from app.settings import Settings

REFRESH_SECONDS = 0.5


class Admission:
    """One per API process. `enforced`: keys are needed."""

    def __init__(self, settings: Settings, keyring: Keyring, sessions: Sessions) -> None:
        self._sessions = sessions
        self.keyring = keyring
        self._principals: dict[str, Principal] = {}
        self._admin_digest = digest_of(settings.admin_token.encode()) if settings.admin_token else ""
        self._admin = Principal(EVERYTHING, "admin", "MODEPULSE_ADMIN_TOKEN")
        self._anybody = Principal(frozenset())
        self.enforced = False

    async def run(self) -> None:
        """Refreshes until it is cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Reads the keys anew, and ends what was let in with one that is no longer valid."""
        await self.keyring.refresh()
        now = time.time()
        for identity, principal in list(self._principals.items()):
            key = self.keyring.get(identity)
            if key is None or not key.is_valid(now):
                del self._principals[identity]
                principal.end()
        if not self.enforced and self.keyring:
            self.enforced = True
            self._anybody.end()

    def admit(self, request: RequestScope, need: Need, route: str) -> Principal:
        """Whoever makes this request, now that it is let in. Raises Problem (401, 403, 503)."""
        principal = None if need.scope is None else self._identify(request, need)
        if principal is None:
            if need.scope is not None and (self.enforced or need.always):
                raise refusals.key_required() if self.enforced or self._admin_digest else refusals.admin_disabled()
            return self._anybody
        if need.scope not in principal.scopes:
            raise refusals.insufficient_scope(need.scope or Scope.ADMIN)
        return principal

    def _identify(self, request: RequestScope, need: Need) -> Principal | None:
        for name, value in request["headers"]:
            if name in (b"authorization", b"x-api-key"):
                digest = digest_of(value.removeprefix(b"Bearer "))
                if self._admin_digest and hmac.compare_digest(digest, self._admin_digest):
                    return self._admin
                key = self.keyring.find(digest)
                if key is not None:
                    return self._of_key(key)
                if self.enforced or need.always:
                    raise refusals.invalid_key()
                return None
        return self._of_session(request)

    def _of_session(self, request: RequestScope) -> Principal | None:
        """Whose session the page has. Raises Problem (401; 503 while sessions cannot be checked)."""
        for name, value in request["headers"]:
            if name == b"cookie":
                identity = self._sessions.key_id_of(value, time.time())
                if identity == self._admin.id and self._admin_digest:
                    return self._admin
                key = self.keyring.get(identity) if identity else None
                if key is not None:
                    return self._of_key(key)
        return None

    def _of_key(self, key: ApiKey) -> Principal:
        """Raises Problem (401)."""
        now = time.time()
        if key.revoked_at is not None:
            raise refusals.revoked_key()
        if key.has_expired(now):
            raise refusals.expired_key()
        principal = self._principals.get(key.id)
        if principal is None:
            scopes = EVERYTHING if Scope.ADMIN in key.scopes else frozenset(key.scopes)
            until = inf if key.expires_at is None else monotonic() + key.expires_at - now
            principal = self._principals[key.id] = Principal(scopes, key.id, key.name, until)
        return principal
