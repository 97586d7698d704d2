"""What a measurement says of the precision that was asked for."""

from collections.abc import Sequence

from qemu_boot_time.stats.precision import Precision


def said(precision: Precision, totals: Sequence[int]) -> str:
    """Say how well the median of these totals is known, and whether that was asked for."""
    achieved = precision.achieved(totals)
    if achieved is None:
        return f"no precision: {len(totals)} boots have no interval of the median"
    text = f"precision \N{PLUS-MINUS SIGN}{100 * achieved:.2g} % after {len(totals)} boots"
    if achieved <= precision.share:
        return text
    return f"{text}, not the {100 * precision.share:g} % asked for (--max-boots {precision.most})"
