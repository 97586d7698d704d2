"""What is decided about the commands of the pages: which are not run, and what stands for what."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pages.blocks import Command
from qemu_boot_time.guest import init

FOR_READING = frozenset({"c", "json", "python", "text", "toml", "xml", "yaml"})
"""Languages of blocks that hold no commands."""
DIRECTIVES = frozenset({"{qbt-help}", "{toctree}"})
"""What MyST does with a block."""

NOT_RUN: Mapping[str, str] = MappingProxyType(
    {
        "make ": "installs packages, runs all tests: .ci/run does that on a clean clone",
        ".venv/bin/python benchmarks/": "minutes each: make bench runs them",
        "otava ": "Apache Otava is not among our packages",
        "sudo ": "changes the host's users, mounts and programs",
        "~/.local/qbt/bin/python3 -m pip": "asks a package index",
        "python benchmarks/bounds.py": "reads a run under a KVM that boots Linux",
        "qbt run -n 10 --kvm-console": "takes a KVM that boots Linux: tests/real/test_stock_in_kvm_box.py",
        "qbt run -n 20 --kvm-console": "takes a KVM that boots Linux: tests/real/test_stock_in_kvm_box.py",
        "qbt run --until login_prompt": "boots a whole distribution: tests/real/test_run_console.py",
        "trace-cmd record": "records whatever the whole host does: tests/real/test_tracecmd_oracle.py reads such files",
        "trace-cmd restore": "takes a run under KVM that tracefs saw: tests/real/test_tracefs.py",
    }
)
"""How a command begins, and why no test runs it."""

NEED_KVM = (
    ".venv/bin/qbt record",
    ".venv/bin/qbt run -n 10 --profile",
    "perf record",
    "qbt overhead",
    "qbt record",
    "qbt run -n 10 --profile",
    "qbt run -n 15 --source perf_event",
    "qbt run -n 5 --profile",
    "qbt show --timeline small",
)
"""How commands begin that watch VMs under KVM, or show what was seen there: they are run where KVM boots a tiny guest."""

VMM = "vmm-of-the-docs"
"""What QEMU is called in VMs that somebody else starts: other VMs may boot on the host meanwhile."""

MACHINE = "-m 256 -nodefaults -no-reboot -display none -serial stdio"
_LINUX = f"{MACHINE} -kernel bzImage -initrd initrd.img -append console=ttyS0"
_WATCHED_FOR = "until grep -qs 'watching for' /dev/stdout; do sleep 0.1; done"
_TINY = "-nodefaults -display none -bios tiny.bin"

STANDS: Mapping[str, str] = MappingProxyType(
    {
        # Fewer boots, and no budget that a busy host could break. Three a side show nothing, and six
        # are enough to judge two budgets.
        r"compare -n \d+\b(?! --fail-if)": "compare -n 3",
        r"compare -n \d+(?= --fail-if)": "compare -n 6",
        r"qbt run(?= --match)": "qbt run -n 2",
        r" -n \d\d+(?=.*baseline)": " -n 4",
        r"(?<!compare) -n (\d\d+|[3-9])(?!.*baseline)": " -n 2",
        r"--warmup \d+": "--warmup 0",
        r"--precision \d+%": "--precision 60% --min-boots 6",
        r"kernel.instructions <= 198_000_000": "kernel.instructions <= 1_000",
        r"slower than [1-9]%": "slower than 900%",
        r"\.p95 > \d+ms": ".max > 300s",
        # Debian's systemd takes three boots of 20 s: tests/real/test_inside.py.
        r"--inside initcalls,units": "--inside initcalls",
        # Our init is all that is in our initrd.img: it would hand over to itself.
        r"qbt_init=/init": "qbt_end=poweroff",
        # What pages leave out, and what is elsewhere.
        r"(qemu-system-x86_64) \.\.\. (-serial stdio)": rf"\1 {_LINUX}",
        r"(qemu-system-x86_64[^'\n]*?) \.\.\.": rf"\1 {_TINY}",
        # Only KVM has exits to count.
        r"(--profile\b[^']*?-accel kvm)(?! -M pc)[\s\S]*": rf"\1 -M pc -m 16 {_TINY}",
        r"-accel kvm(?! -M pc)": "-accel tcg",
        r"/boot/vmlinuz": "bzImage",
        r"base/bzImage": "bzImage",
        r"show --json last": "show --json demo",
        r"\^app: \w+": "^qbt-init",
        r"raw/perf_event.data": "monotonic.data",
        r"root=/dev/vda1?": "qbt_mark=7",
        # Else a kernel may panic where the host is busy.
        r"(-kernel \S+ [^\n]*-append ['\"])": rf"\1{' '.join(init.ON_A_BUSY_HOST)} ",
        r"runs/n\*": "runs/*",
        # Whether the host is fit is no affair of the page.
        r"^qbt doctor$": "qbt doctor || test $? = 1",
        # The guest that stands for Debian has no user space.
        r"svm\|;user ": "boot;",
        # The small kernel takes longer, not shorter, with one more parameter.
        r"compare before after": "compare after before",
        # The run before is one of times for the other commands of its page.
        r"--symbols vmlinux --baseline before": "--symbols vmlinux --baseline counted",
        # VMs that somebody else starts: one starts as soon as it would be seen, and it is known which.
        r"(\S*qbt record.*) --for 60s": rf"({_WATCHED_FOR}; ./boot-my-vm.sh) & \1 --for 10s",
        r"qbt record( --comm \S+)?": f"qbt record --comm {VMM}",
        r"qbt analyze perf.data": f"qbt analyze --comm {VMM} perf.data",
        r"^(perf record(?:(?! -- ).)*)$": r"\1 ./boot-my-vm.sh",
    }
)
"""What a page writes (a regular expression), and what is run in its place."""
_ALWAYS = (r"qbt record( --comm \S+)?", r"-accel kvm(?! -M pc)")


def why_not(command: Command) -> str | None:
    """Say why a command is not run; None: it is."""
    found = (reason for start, reason in NOT_RUN.items() if command.text.startswith(start))
    return next(found, None)


def as_run(command: Command) -> str:
    """Give what is typed in place of a command."""
    text, _ = _replaced(command)
    return text


def stand_ins(command: Command) -> frozenset[str]:
    """Name the rows of STANDS that change a command."""
    _, used = _replaced(command)
    return used


def _replaced(command: Command) -> tuple[str, frozenset[str]]:
    text, used = command.text, set()
    for written, stands in STANDS.items():
        if command.as_shown and written not in _ALWAYS:
            continue
        before, text = text, re.sub(written, stands, text, flags=re.MULTILINE)
        if text != before:
            used.add(written)
    return text, frozenset(used)
