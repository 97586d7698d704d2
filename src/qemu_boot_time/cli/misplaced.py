"""Options of QEMU where ours are expected: told as such, for click would take ``-nographic`` for ``-n ographic``."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, NoReturn

import click

from qemu_boot_time.errors import UsageError


class TakesQemu(click.Command):
    """A command that QEMU's own is given to, after ours.

    Raises UsageError for an option before it that is none of ours.
    """

    trouble: ClassVar[str] = "no option of ours, and QEMU's come after its program"
    hint: ClassVar[str] = (
        "QEMU's own command comes after --: {path} -- qemu-system-x86_64 {option} ..."
    )
    """Where it goes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; who completes a word has not written all of them."""
        if not ctx.resilient_parsing:
            takes = {
                name: _takes_value(each)
                for each in self.get_params(ctx)
                for name in (*each.opts, *each.secondary_opts)
            }
            found = _misplaced(args, takes, everywhere=ctx.allow_interspersed_args)
            if found is not None:
                self._refuse(ctx, found, takes)
        return super().parse_args(ctx, args)

    def _refuse(self, ctx: click.Context, found: str, ours: Iterable[str]) -> NoReturn:
        if f"-{found}".partition("=")[0] in ours:
            raise UsageError(f"{found}: an option of ours has two dashes", hint=f"-{found}")
        hint = self.hint.format(path=ctx.command_path, option=found)
        raise UsageError(f"{found}: {self.trouble}", hint=hint)


class TakesTwo(TakesQemu):
    """A command that takes two of QEMU's, each as one word."""

    trouble = "no option of ours, and QEMU's are words of its command"
    hint = "quote each command once: {path} --a 'qemu-system-x86_64 {option} ...' --b 'qemu...'"


class TakesNone(TakesQemu):
    """A command with a guest of its own."""

    trouble = "no option of ours"
    hint = "for a guest of yours: qbt run -- qemu-system-x86_64 {option} ..."


class TakesAny(TakesQemu):
    """A command that any other is given to."""

    trouble = "no option of ours, and no program before it"
    hint = "a command comes after --: {path} -- ./start-my-vm.sh {option} ..."


def _takes_value(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and not (parameter.is_flag or parameter.count)


def _misplaced(words: Iterable[str], takes: Mapping[str, bool], *, everywhere: bool) -> str | None:
    """Find the first option that none of ``takes``, our options, can be; a value follows where it says so.

    None as well where a long option before it is not ours: click says which it may have been.
    """
    left = iter(words)
    for word in left:
        if word == "--" or not (word.startswith("-") or everywhere) or _is_unknown(word, takes):
            return None
        if takes.get(word):
            next(left, None)
        elif word[:1] == "-" and word[1:2] not in {"", "-"} and not _is_ours(word, takes):
            return word
    return None


def _is_unknown(word: str, takes: Mapping[str, bool]) -> bool:
    return word.startswith("--") and word.partition("=")[0] not in takes


def _is_ours(word: str, takes: Mapping[str, bool]) -> bool:
    """Whether a word of one dash is made of our options of one letter: flags, then a number perhaps."""
    for i, letter in enumerate(word[1:], start=2):
        takes_value = takes.get(f"-{letter}")
        if takes_value is None:
            return False
        if takes_value:
            # The values of such options are numbers.
            return not word[i : i + 1].isalpha()
    return True
