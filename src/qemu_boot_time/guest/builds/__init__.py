"""Instrumented pieces, built from the distribution's sources or from a tree of the user's.

``build`` gives the cached piece where nothing that decides it has changed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from qemu_boot_time.guest import build_cache, distro, patches
from qemu_boot_time.guest.build_cache import BuiltFrom, Entry
from qemu_boot_time.guest.builds import linux, optionrom, qboot, seabios
from qemu_boot_time.guest.builds.common import Bench, Piece, Progress, Recipe, Tree, user_tree

__all__ = ["RECIPES", "BuildOptions", "Built", "Piece", "build", "cached"]

RECIPES: Mapping[Piece, Recipe] = MappingProxyType(
    {module.RECIPE.piece: module.RECIPE for module in (seabios, qboot, optionrom, linux)}
)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to build from."""

    suite: str | None = None
    """A suite of the distribution; None: the one that the host runs."""
    source: Path | None = None
    """A tree of the user's own in place of the distribution's; it stays as it is."""
    jobs: int = 0
    """How many compilers at a time; 0: one a CPU."""


@dataclass(frozen=True, slots=True)
class Built:
    """A piece that is ready for use."""

    piece: Piece
    files: Mapping[str, Path]
    """The artefacts by their file names."""
    directory: Path
    """Where they are; of the option ROMs it serves as ``qemu -L DIRECTORY``."""
    built_from: BuiltFrom


def build(
    piece: Piece, options: BuildOptions | None = None, progress: Progress = lambda _: None
) -> Built:
    """Build a piece, or find it in the cache.

    ``progress`` is told the name of each stage, again and again while it lasts. Raises HostError for
    what the host lacks, ProgramError for a build that failed, InputError for a tree that is none.
    """
    options = options or BuildOptions()
    recipe = RECIPES[piece]
    recipe.require_tools()
    tree = _tree(recipe, options, progress)
    built_from = recipe.built_from(tree)
    entry = build_cache.find(built_from)
    if entry is None:
        entry = _make(recipe, tree, built_from, options, progress)
    return _built(entry)


def cached(piece: Piece) -> Built | None:
    """Give the newest piece built from the host's own suite by today's recipe.

    No network and no build; None: there is none yet.
    """
    entries = build_cache.entries(piece)
    return next((_built(entry) for entry in entries if _is_default(entry.built_from)), None)


def _is_default(made: BuiltFrom) -> bool:
    recipe = RECIPES[Piece(made.piece)]
    default = (distro.host_suite(), recipe.version, recipe.patch_sha256, recipe.config_sha256)
    what = (made.suite, made.recipe, made.patch_sha256, made.config_sha256)
    return bool(made.suite) and what == default


def _tree(recipe: Recipe, options: BuildOptions, progress: Progress) -> Tree:
    if options.source is not None:
        return user_tree(options.source, recipe.parts)
    return recipe.fetch(options.suite, progress)


def _make(
    recipe: Recipe, tree: Tree, built_from: BuiltFrom, options: BuildOptions, progress: Progress
) -> Entry:

    def waiting() -> None:
        progress(f"waiting for another build of {recipe.piece}")

    with build_cache.workshop(recipe.piece, waiting=waiting) as directory:
        entry = build_cache.find(built_from)
        if entry:
            return entry
        log = build_cache.log_path(recipe.piece)
        log.unlink(missing_ok=True)
        jobs = options.jobs or len(os.sched_getaffinity(0))
        bench = Bench(directory / "source", directory / "work", log, jobs, progress)
        bench.work.mkdir()
        tree.unpack(bench)
        if recipe.project and not patches.is_applied(recipe.project, bench.source):
            patches.apply(recipe.project, bench.source)
        made = recipe.make(bench)
        return build_cache.publish(built_from, made, directory / "artefacts")


def _built(entry: Entry) -> Built:
    piece = Piece(entry.built_from.piece)
    return Built(piece, entry.files, entry.directory, entry.built_from)
