"""The faults that a refusal names, one for each place of the request."""

from app.contract.outcome import OVER_LIMIT

# Codes of the entries of `errors`.
FAULTS = {
    "clock_skew": "a time is more than 60 s in the future",
    "invalid_cursor": "the cursor is not one of this query",
    "invalid_encoding": "not UTF-8 in percent-encoding, in which % itself is written %25",
    "invalid_json": "not JSON from this place on",
    "invalid_name": "a name has 1 to 255 characters, no control characters, no `|`",
    "key_in_query": "a key is sent in a header",
    "invalid_time": "a time is seconds since 1970 or ISO 8601",
    "length": "too short or too long",
    "method_not_allowed": "not with this method",
    "missing": "it is required",
    "not_found": "no such path",
    "range": "a number is out of its range",
    "repeated": "it is given once at most",
    "several": "several values in one; the parameter is repeated instead",
    "reused": "it was used with another request",
    "too_many": "more than are allowed",
    **dict.fromkeys(map(str, OVER_LIMIT.values()), "an event that would open more than is allowed"),
    "too_many_keys": "as many answers are kept as are allowed",
    "type": "of another type",
    "unknown_area": "not one of the areas that are allowed here",
    "unknown_field": "no field of this name",
    "unknown_event": "not a kind of event",
    "unknown_mode": "not one of the modes that are allowed here",
    "unknown_parameter": "no parameter of this name",
    "unknown_value": "not one of the words allowed",
}
