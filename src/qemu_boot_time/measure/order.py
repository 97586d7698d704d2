"""In which order several things are booted: blocks, each in a random order of its own.

Within a block every side boots once, so what drifts slowly (heat, caches, other work) meets all
sides alike, and the random order leaves no rhythm that something else could have too (Box, Hunter
and Hunter, Statistics for Experimenters, 2nd ed., 2005, 4.2: randomised blocks).
"""

import random
import secrets
from collections.abc import Iterator

_SEED_BITS = 32


def new_seed() -> int:
    """Give a seed that nobody has chosen."""
    return secrets.randbits(_SEED_BITS)


def block_orders(sides: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Give the order of the sides (numbers from 0) in one block after the other, for ever.

    The same seed gives the same orders: a run that keeps it can be checked.
    """
    source = random.Random(seed)  # noqa: S311  # an order, no secret
    while True:
        yield tuple(source.sample(range(sides), sides))
