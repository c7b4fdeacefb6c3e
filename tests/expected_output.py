"""Whether a command has printed what a document says, apart from what is another each time: times, ids, ports."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

# How far two times of one output may be apart from how far they are in the document.
TOLERANCE_SECONDS = 60
ID = r"[a-z0-9]{10}"
# What is another each time, by its form; the first that fits counts. In a document `...` stands for anything.
VOLATILE = {
    "key": rf"mp_(?:ingest|read|audit|admin)_{ID}_(?:\.\.\.|[\w-]+)",
    "key_id": rf"(?<=key ){ID}(?= made)|(?m:^{ID}(?=  | revoked))",
    "uuid": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b01[0-9a-f]{26}\b",
    "stream_id": r"\b1\d{12}-[0-9a-f]+\b",
    "time": r"\b1\d{9}(?:\d{3}|\d{6})?(?:\.\d+)?\b|\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?",
    "address": r"(?:127\.0\.0\.1|localhost):\d+",
    "seconds": r"\b\d+\.\d+(?= s\b)",
}
TOKEN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in VOLATILE.items()))


@dataclass
class ExpectedOutput:
    """What a document shows. `more`: lines may follow. `names`: its ids and keys -> those of this run, for the commands
    that follow."""

    lines: list[str]
    more: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def fits(self, printed: str) -> bool:
        """Whether it is this, with the times as far apart; then `names` is completed."""
        printed = printed.rstrip("\n")
        return any(
            self._fits(expected, _one_line(printed) if wrapped else printed) for expected, wrapped in self._readings()
        )

    def _readings(self) -> list[tuple[str, bool]]:
        """The text line by line; then, since documents wrap long JSON, as one line without the breaks."""
        return [("\n".join(self.lines), False), (_one_line("\n".join(self.lines)), True)]

    def _fits(self, expected: str, printed: str) -> bool:
        tokens = list(TOKEN.finditer(expected))
        pattern, end = "", 0
        for token in tokens:
            pattern += _literal(expected[end : token.start()]) + f"({VOLATILE[token.lastgroup or '']})"
            end = token.end()
        found = re.fullmatch(pattern + _literal(expected[end:]) + r"(?:\n.*)?" * self.more, printed, re.DOTALL)
        if found is None:
            return False
        times = [(_seconds(token[0]), _seconds(text)) for token, text in _pairs(tokens, found) if token["time"]]
        if any(
            abs((then - times[0][0]) - (now - times[0][1])) > TOLERANCE_SECONDS and then != now for then, now in times
        ):
            return False
        self.names |= {token[0]: text for token, text in _pairs(tokens, found) if token["key"] or token["key_id"]}
        return True


def _pairs(tokens: list[re.Match[str]], found: re.Match[str]) -> list[tuple[re.Match[str], str]]:
    return list(zip(tokens, found.groups(), strict=True))


def _literal(text: str) -> str:
    """A pattern for this text; spaces at the ends of lines do not count."""
    return r".*?".join(re.escape(part) for part in text.split("..."))


def _one_line(text: str) -> str:
    """Without the breaks and the indentation behind them; JSON also without spaces between its parts."""
    text = re.sub(r"\n\s*", "", text)
    try:
        return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    except ValueError:
        return text


def _seconds(text: str) -> float:
    """Since 1970, of any form of time."""
    if "T" in text:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=UTC).timestamp()
    whole = text.partition(".")[0]
    return float(text) / float(10 ** (len(whole) - 10))
