"""`modepulse status` for people: one screen of plain text."""

from modepulse.status.status import Status


def screen(status: Status) -> str:
    """A line a subject, then what needs attention."""
    redis, postgres, api = status.redis, status.postgres, status.api
    lines = [("ready", f"NO: {status.reason}" if status.reason else f"yes, durability {_durability(status)}")]
    if redis is not None:
        lines += [
            ("events", f"{status.rate or 0:,.1f} a second"),
            ("sessions", f"{redis.sessions:,} in {redis.areas:,} areas"),
        ]
    if status.lag is not None:
        about = "" if status.lag.exact else "about "
        lines.append(("archive", f"{about}{status.lag.events:,} events behind, {status.lag.seconds:g} s"))
    if redis is not None:
        lines += [
            ("log", f"{redis.log_entries:,} entries in Redis"),
            ("memory", _memory(redis.memory_bytes, redis.maxmemory_bytes, status.memory_limit)),
        ]
    if postgres is not None:
        leader = postgres.leader
        lines.append(("leader", leader.archiver if leader else "an archiver" if postgres.led else "NONE"))
        lines.append(
            (
                "jobs",
                ", ".join(f"{job.name} {_ago(job.succeeded)}" for job in postgres.jobs if job.name != "report")
                or "none yet",
            )
        )
    servers = (
        redis.server if redis is not None else "Redis not reached",
        postgres.server if postgres is not None else "Postgres not reached",
    )
    lines.append(("servers", ", ".join(servers)))
    version = status.to_json()["version"]
    if api is not None:
        lines.append(("API", f"{api.url} {f'({api.version})' if api.version else ''}".rstrip()))
    lines.append(("modepulse", version))
    lines += [("attention", text) for text in status.attention]
    return "\n".join(f"{name:<10} {text}" for name, text in lines)


def _durability(status: Status) -> str:
    degraded = status.redis.degraded if status.redis is not None else None
    return "unknown" if degraded is None else "degraded" if degraded else "full"


def _memory(used: int, most: int, limit: int) -> str:
    if not most:
        return f"{_size(used)}, without limit"
    return f"{_size(used)} of {_size(most)} ({used / most:.1%}); events are refused from {_size(limit)} on"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"
