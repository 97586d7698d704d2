"""What the verdicts are worth: how often they are wrong, and how often they find what is there.

Samples are drawn from real boots (500 of each of five systems, see simulated.py) and from boots made
up like them, so that the truth is known. The seed is fixed: the same figures come out each time. A
share of 2,000 draws is known to a point either way, one near 5 % to half of that. Nothing is booted.
"""

import argparse
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

import comparing
import describing
import settling
import simulated
from aims import Draws, Part
from common import main, progress

_SEED = 20_200_225
_DRAWS = 2_000

SECTIONS: Mapping[str, tuple[Callable[[Draws], Part], ...]] = MappingProxyType(
    {
        "anchors": (describing.anchors,),
        "coverage": (describing.coverage, comparing.shift_coverage),
        "false-alarms": (comparing.alarms_of_totals, comparing.alarms_of_phases),
        "no-promise": (comparing.alarms_of_order, comparing.alarms_of_spread),
        "same": (comparing.same_alarms,),
        "power": (comparing.promised_power, comparing.power_curve),
        "more": (settling.advice,),
        "modes": (describing.false_modes, describing.two_modes, describing.mode_power),
        "separator": (describing.separators,),
        "oddities": (describing.oddities,),
    }
)


def parts(sections: list[str], count: int, seed: int, real: Mapping[str, Any]) -> list[Part]:
    """Make the tables of these sections, and print each when it is there."""
    made = []
    for name in sections:
        for section in SECTIONS[name]:
            progress(f"{name}: {count} draws")
            # Each has its own numbers: it finds the same, alone or after others.
            rng = np.random.default_rng([seed, zlib.crc32(section.__name__.encode())])
            made.append(section(Draws(rng, count, real)))
            print(f"{made[-1]}\n", flush=True)
    return made


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=_DRAWS, help=f"default {_DRAWS}")
    parser.add_argument("--seed", type=int, default=_SEED, help=f"default {_SEED}")
    parser.add_argument(
        "--only", type=_sections, default=list(SECTIONS), help=f"of {','.join(SECTIONS)}"
    )
    parser.add_argument(
        "--data", type=Path, default=simulated.DATA, help="where nsdi2020/boot-serial-*.dat lie"
    )
    options = parser.parse_args()
    if options.draws < 1:
        parser.error("--draws: at least one")
    return options


def _sections(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(SECTIONS)}")
    return names


def body() -> None:
    """Draw and print."""
    options = _options()
    real = simulated.real(options.data)
    made = parts(options.only, options.draws, options.seed, real)
    missed = [what for each in made for what in each.missed]
    print(f"{options.draws} draws, seed {options.seed}; missed: {'; '.join(missed) or 'nothing'}")


if __name__ == "__main__":
    main(body)
