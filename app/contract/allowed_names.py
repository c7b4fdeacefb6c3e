"""The areas and modes that are taken, where an operator lists them."""

from typing import NamedTuple


class AllowedNames(NamedTuple):
    """Exact names; without any, all of legal form are taken."""

    areas: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()

    def area(self, area_code: str) -> bool:
        """Whether events in the area are taken."""
        return not self.areas or area_code in self.areas

    def mode(self, mode: str) -> bool:
        """Whether events in the mode are taken."""
        return not self.modes or mode in self.modes


ALL_NAMES = AllowedNames()
