"""What the API says of itself."""

from dataclasses import dataclass, field

import httpx2

SECONDS = 5.0


@dataclass
class ApiSide:
    """`reason`: a code of GET /readyz, or why it does not answer."""

    url: str
    ready: bool
    reason: str = ""
    durability: str = "unknown"
    degraded: list[str] = field(default_factory=list)
    version: str = ""


async def read_api(url: str) -> ApiSide:
    """Never fails: one that does not answer is not ready."""
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=SECONDS) as client:
            response = await client.get("/readyz")
            found = response.json()
            document = await client.get("/openapi.json")
            version = document.json()["info"]["version"]
            return ApiSide(
                url,
                ready=response.status_code == 200 and found["status"] == "ready",
                reason=found.get("reason", ""),
                durability=found.get("durability", "unknown"),
                degraded=found.get("degraded", []),
                version=version,
            )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return ApiSide(url, ready=False, reason=f"it does not answer: {str(error) or type(error).__name__}")
    except (ValueError, KeyError, TypeError):
        return ApiSide(url, ready=False, reason="what answers there is not Modepulse")
