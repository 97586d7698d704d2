"""What a run says of the precision that was asked for: made again from its boots, like every number."""

from collections.abc import Sequence

from qemu_boot_time.model import Boot, Clock
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.precision import Precision


def totals_of(boots: Sequence[Boot], clock: Clock) -> list[int]:
    """Give the totals of the boots that got there, in the order of their booting."""
    found = (
        phase.length(clock)
        for boot in boots
        if boot.ok
        for phase in boot.phases
        if phase.name == TOTAL
    )
    return [total for total in found if total is not None]


def said(precision: Precision, totals: Sequence[int], tried: int) -> str:
    """Say how well the median of these totals is known, and whether that was asked for.

    ``tried`` is how many boots there are, with those that failed.
    """
    achieved = precision.achieved(totals)
    if achieved is None:
        return f"no precision: {len(totals)} boots have no interval of the median"
    text = f"precision \N{PLUS-MINUS SIGN}{100 * achieved:.2g} % after {len(totals)} boots"
    if achieved <= precision.share:
        return text
    given_up = f" (--max-boots {precision.most})" if tried >= precision.most else ""
    return f"{text}, not the {100 * precision.share:g} % asked for{given_up}"
