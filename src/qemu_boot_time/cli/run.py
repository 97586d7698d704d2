"""``qbt run``: boot a VM many times and show where its time goes."""

from dataclasses import replace

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.gating import Gating, gate_options, opened
from qemu_boot_time.cli.how_often import how_often_options
from qemu_boot_time.cli.inside import inside_option, purposes
from qemu_boot_time.cli.measuring import Printing, measure_and_print
from qemu_boot_time.cli.misplaced import TakesQemu
from qemu_boot_time.cli.profile import checked, profile_options
from qemu_boot_time.cli.wanted import Wanted, check_budgets, measuring_options, plan_for
from qemu_boot_time.inputs import Options

_EXAMPLES = """\b
Examples:
  qbt run -n 20 -- qemu-system-x86_64 -accel kvm -kernel bzImage \\
      -initrd initrd.img -append console=ttyS0 -nographic
  qbt run --precision 1% -- qemu-system-x86_64 -accel kvm ...
  qbt run --until linux_start_kernel -- ./start-my-vm.sh
  qbt run --prepare 'sync; echo 3 > /proc/sys/vm/drop_caches' -- qemu...
  qbt run --cpus 2-3 --warmup 1 --json -- taskset -c 1 qemu-system-x86_64 ...
  qbt run --inside initcalls,units -- qemu... -kernel vmlinuz -initrd img
  qbt run --profile -- qemu-system-x86_64 -accel kvm ...
  qbt run --mark 42=network_up --until network_up -- qemu-system-x86_64 ...
  qbt run --source plugin --probe pci=pci_subsys_init -- qemu...
  qbt run -n 2 --clock instructions -- qemu-system-x86_64 -accel tcg ...
  qbt run --until login_prompt -- qemu-system-x86_64 -nographic disk.img
  qbt run --match up='^app: ready' --until up -- qemu... -serial stdio
"""


@click.command(
    "run",
    cls=TakesQemu,
    epilog=_EXAMPLES,
    context_settings={"allow_interspersed_args": False},
)
@options.qemu_argument
@how_often_options(10)
@measuring_options
@inside_option
@profile_options
@options.json_option
@options.verbose_option_of_qemu
@options.waterfall_option
@gate_options
def command(
    *,
    qemu: tuple[str, ...],
    wanted: Wanted,
    inside: str | None,
    profiles: int,
    as_json: bool,
    waterfall: bool,
    gating: Gating,
) -> int:
    """Boot a VM many times and show where its time goes.

    QEMU... is the command as you would type it, wrappers included; only what the sources need is
    added at its end (-v shows it), never an accelerator, a machine or a disk. A boot ends when the
    mark of --until was seen, or when QEMU leaves by itself; without --until a guest that runs on
    counts as failed when --timeout has passed.
    """
    check_budgets(gating, wanted)
    gating = opened(gating, Options(rules=wanted.rules, vmm=wanted.vmm))
    plan, notes = plan_for(qemu, wanted)
    plan = replace(plan, inside=purposes(inside, plan.command, plan.sources))
    plan = replace(plan, profiles=checked(profiles, plan.command))
    printing = Printing(as_json, wanted.verbose, wanted.out, gating, waterfall)
    return measure_and_print(plan, printing, notes)
