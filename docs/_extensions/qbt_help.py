"""The directive `qbt-help`: a section for each command, with its very `--help` in it.

Word for word, because help texts are no reStructuredText: read as such they lose the backslashes and
stars of their examples, and the page would say something else than the program.
"""

from collections.abc import Iterator
from pathlib import Path

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from qemu_boot_time import cli
from qemu_boot_time.cli.main import qbt

_COMMANDS = Path(cli.__file__).parent
_COLUMNS = 78
"""What click takes of a terminal of 80 columns or more."""


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Give the path and the help of a command, and then of all below it."""
    yield context.command_path, command.get_help(context)
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        if below := command.get_command(context, name):
            yield from commands(below, _context(below, name, context))


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    return command.make_context(name, [], parent, terminal_width=_COLUMNS, resilient_parsing=True)


class QbtHelp(SphinxDirective):
    """A section for each command of `qbt`."""

    def run(self) -> list[nodes.Node]:
        """Give the sections; the page is made again when a module of the commands has changed."""
        for module in sorted(_COMMANDS.glob("*.py")):
            self.env.note_dependency(str(module))
        return [_section(path, text) for path, text in commands(qbt, _context(qbt, "qbt"))]


def _section(path: str, text: str) -> nodes.section:
    section = nodes.section(ids=[nodes.make_id(path)], names=[path])
    section += nodes.title(text=path)
    section += nodes.literal_block(text, text, language="text")
    return section


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("qbt-help", QbtHelp)
    return {"parallel_read_safe": True}
