"""Measure, show and write down: `python -m tests.bench [NAMES] [--quick] [--json FILE]`."""

import argparse
import asyncio
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from rich.console import Console

from schemas.moment import moment_text
from tests.bench import machine
from tests.bench.compiled import compiled_hub
from tests.bench.hub import MEASURED
from tests.bench.loading import LoadFailed
from tests.bench.measurements import MEASUREMENTS
from tests.bench.obtaining import HOME, Missing
from tests.bench.processes import DidNotStart
from tests.bench.results import Findings
from tests.bench.scale import FULL, QUICK, TINY, Scale
from tests.bench.screen import show, show_musts
from tests.bench.written import FOLDER, Circumstances, as_text, write, write_page

#: Tables are not squeezed into narrow terminals: a wrapped line can still be read.
WIDTH = 170
SCALES = {each.name: each for each in (FULL, QUICK, TINY)}


async def measured(name: str, scale: Scale, folder: Path) -> Findings:
    """What a measurement found, or in words why it could not."""
    try:
        return await MEASUREMENTS[name](scale, folder)
    except (Missing, DidNotStart, LoadFailed) as problem:
        return Findings(name, notes=[f"not measured: {problem}"])


async def run(names: list[str], scale: Scale, console: Console) -> dict[str, Findings]:
    """Measure one after the other, and show each when it is there."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="ocpi-hub-bench-") as folder:
        for name in names:
            begun = perf_counter()
            own = Path(folder) / name
            own.mkdir()
            found[name] = await measured(name, scale, own)
            show(console, found[name])
            console.print(f"  {name}: {perf_counter() - begun:.0f} s\n")
    return found


def compiled(console: Console) -> str:
    """Let the hub be measured as it is in the image, with modules compiled; what it is."""
    if os.environ.get(MEASURED):
        return f"in {os.environ[MEASURED]}"
    try:
        os.environ[MEASURED] = str(compiled_hub())
    except Missing as problem:
        console.print(f"not compiled: {problem}", markup=False, highlight=False)
        return "from source"
    return "compiled"


def main() -> None:
    """Measure what the arguments say; misses are told, and are no failure of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(MEASUREMENTS)}; all"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and shorter; figures are rough")
    parser.add_argument("--source", action="store_true", help="the hub as its source stands, not compiled")
    parser.add_argument("--scale", choices=SCALES, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, for programs")
    parser.add_argument(
        "--write", action="store_true", help=f"keep the results in {FOLDER.relative_to(HOME)}"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(MEASUREMENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    scale = SCALES[given.scale] if given.scale else QUICK if given.quick else FULL
    console = Console(width=WIDTH)
    made = compiled(console) if not given.source else "from source"
    circumstances = Circumstances(
        moment_text(datetime.now(UTC).replace(microsecond=0)),
        scale.name,
        machine.description(),
        f"{sys.version.split()[0]}, the hub {made}",
    )
    console.print(str(circumstances), markup=False, highlight=False)
    found = asyncio.run(run(given.names or list(MEASUREMENTS), scale, console))
    show_musts(console, [must for each in found.values() for must in each.musts])
    if given.json:
        given.json.write_bytes(as_text(found, circumstances))
    if given.write:
        write(found, circumstances)
        write_page(list(MEASUREMENTS))


if __name__ == "__main__":
    main()
