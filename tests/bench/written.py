"""Results as they are kept: a JSON file a measurement, and one page made from all of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import exact_json
from tests.bench.obtaining import HOME
from tests.bench.results import Findings, Must, Row, as_json
from tests.bench.screen import markdown, musts_as_markdown

FOLDER = HOME / "docs" / "performance"
PAGE = "results.md"
HEAD = """# Measured

Written by `make bench`; [performance.md](../performance.md) says how to read it. Each measurement can be made
alone, so it says when and where it was made. A load average above 2 there means that the machine did other
things, too.

"""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and where something was measured."""

    #: As OCPI writes moments.
    at: str
    scale: str
    machine: str
    python: str

    def __str__(self) -> str:
        return f"{self.at}, scale {self.scale}, Python {self.python}, {self.machine}."


def write(found: dict[str, Findings], circumstances: Circumstances, folder: Path = FOLDER) -> None:
    """Keep what was measured now beside what was measured before."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, findings in found.items():
        (folder / f"{name}.json").write_bytes(as_text({name: findings}, circumstances))


def as_text(found: dict[str, Findings], circumstances: Circumstances) -> bytes:
    """For programs."""
    measurements = {name: as_json(each) for name, each in found.items()}
    made = {name: getattr(circumstances, name) for name in Circumstances.__slots__}
    return exact_json.encode(made | {"measurements": measurements})


def write_page(names: list[str], folder: Path = FOLDER) -> None:
    """The page of everything that was measured, now or before, in this order."""
    found: dict[str, tuple[Findings, str]] = {}
    for name in names:
        if (file := folder / f"{name}.json").exists():
            found[name] = _read(name, exact_json.decode(file.read_bytes()))
    musts = [must for findings, _ in found.values() for must in findings.musts]
    parts = [musts_as_markdown(musts), *(markdown(findings, when) for findings, when in found.values())]
    (folder / PAGE).write_text(HEAD + "\n".join(parts))


def _read(name: str, kept: dict[str, Any]) -> tuple[Findings, str]:
    circumstances = Circumstances(**{each: kept[each] for each in Circumstances.__slots__})
    findings = kept["measurements"][name]
    rows = [Row(row.pop("name"), row) for row in findings["rows"]]
    musts = [
        Must(each["what"], each["must"], each["measured"], each["met"], each["note"])
        for each in findings["musts"]
    ]
    return Findings(findings["title"], rows, musts, findings["notes"]), str(circumstances)
