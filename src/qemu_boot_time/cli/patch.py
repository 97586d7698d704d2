"""``qbt patch``: the patches that add trace points to SeaBIOS, QEMU's option ROMs and Linux."""

import json
from pathlib import Path

import click

from qemu_boot_time.cli import options
from qemu_boot_time.cli.output import note
from qemu_boot_time.guest import patches
from qemu_boot_time.guest.patches import Patch, Project

_EXAMPLES = """\b
Examples:
  qbt patch list
  qbt patch show seabios | less
  qbt patch apply linux --tree ~/src/linux
"""
_project = click.argument("project", type=click.Choice([project.value for project in Project]))


@click.group("patch", epilog=_EXAMPLES)
def command() -> None:
    """List, show and apply the patches that add trace points.

    They are off in a patched tree until its switch is turned on.
    """


@command.command("list")
@options.json_option
def list_patches(*, as_json: bool) -> None:
    """List the patches: project, what each changes, and the switch that turns the marks on."""
    found = patches.available()
    if as_json:
        document = {"schema": 1, "patches": [_as_json(patch) for patch in found]}
        click.echo(json.dumps(document, indent=2))
        return
    for patch in found:
        click.echo(f"{patch.project.value:8} {patch.subject}")
        click.echo(f"{'':8} {patch.path}")
        click.echo(f"{'':8} changes {', '.join(patch.files)}")
        click.echo(f"{'':8} switch  {patch.switch.setting} ({patch.switch.where})")


@command.command("show")
@_project
def show_patch(project: str) -> None:
    """Print the patches of PROJECT, as git would mail them."""
    for patch in patches.available(Project(project)):
        click.echo(patch.text, nl=False)


@command.command("apply")
@_project
@click.option(
    "--tree",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The top of the project's source tree.",
)
def apply_patch(project: str, tree: Path) -> None:
    """Apply the patch of PROJECT that fits a tree: with git am in a git tree, else git apply.

    A tree that is dirty or has the marks already is refused; a failure leaves it as it was.
    """
    applied = patches.apply(Project(project), tree)
    commit = f" as {applied.commit[:12]}" if applied.commit else ""
    click.echo(f"{tree}: {applied.patch.subject} ({applied.method.value}{commit})")
    note(f"switch the marks on: {applied.patch.switch.setting} ({applied.patch.switch.where})")


def _as_json(patch: Patch) -> dict[str, object]:
    return {
        "project": patch.project.value,
        "subject": patch.subject,
        "path": str(patch.path),
        "files": list(patch.files),
        "switch": patch.switch.setting,
    }
