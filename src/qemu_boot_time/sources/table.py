"""The sources there are. A new one is one module, and one line here."""

from qemu_boot_time.sources import console, debugcon, perf, perf_event, plugin, tracefs
from qemu_boot_time.sources.base import Source

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        perf_event.SOURCE,
        perf.SOURCE,
        tracefs.SOURCE,
        debugcon.SOURCE,
        plugin.SOURCE,
        console.SOURCE,
    )
}
"""By name, in the order in which ``--source auto`` tries them."""
