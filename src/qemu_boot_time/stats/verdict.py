"""What a comparison may say, and within which margin two sides are the same."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a comparison says of the second side."""

    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    UNDECIDED = "UNDECIDED"
    """Neither a difference nor sameness is shown."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How much does not matter: a share of what the first side takes, or a length of its own."""

    share: float = 0.01
    length: int | None = None
    """In nanoseconds, or instructions; it counts where it is given."""

    def of(self, median: float) -> int:
        """Give the margin of a quantity whose first side has this median."""
        return round(abs(median) * self.share) if self.length is None else self.length
