"""What a reader of a run's numbers wants to know beside them."""

from qemu_boot_time import __version__
from qemu_boot_time.model import Run


def facts_of(run: Run) -> dict[str, str]:
    """Say what was measured, on what, and by what; empty where nobody knows."""
    return {
        "command": " ".join(run.command),
        "accelerator": run.accelerator,
        ("seen by" if any(boot.marks for boot in run.boots) else "watched by"): ", ".join(
            run.sources
        ),
        "host kernel": str(run.host.get("kernel") or ""),
        "CPU": str(run.host.get("cpu_model") or ""),
        "qbt": __version__,
    }
