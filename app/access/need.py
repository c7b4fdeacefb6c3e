"""What a route asks of those who call it."""

from dataclasses import dataclass

from app.contract.api_key import Scope


@dataclass(frozen=True, slots=True)
class Need:
    """`scope`: of the key, None where none is needed. `public`: open to all with MODEPULSE_PUBLIC_READS.

    `always`: also while keys are off. `limited`: counts against the limits.
    """

    scope: Scope | None
    public: bool = False
    always: bool = False
    limited: bool = True


OPEN = Need(None)
PROBE = Need(None, limited=False)
INGEST = Need(Scope.INGEST)
PUBLIC_READ = Need(Scope.READ, public=True)
READ = Need(Scope.READ)
AUDIT = Need(Scope.AUDIT)
ADMIN = Need(Scope.ADMIN)
ALWAYS_ADMIN = Need(Scope.ADMIN, always=True)
