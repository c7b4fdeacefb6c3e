"""The headers of every answer but the pages."""

API_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""No cache keeps it: it is out of date at once, or names users. No browser takes it for another type than it says."""
