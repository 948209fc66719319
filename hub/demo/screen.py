"""The demo on a terminal: its steps, and each leg of each exchange as it happens."""

from collections import deque
from datetime import timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.demo.cast import Cast
from hub.demo.story import STORY, Step, StoryFailed
from hub.ocpi.timestamps import utc_now
from hub.store.journal import Direction, JournalEntry
from partners.emsp.administration import bill_as_json
from partners.emsp.screens import bills

#: Legs that are in view at a time.
IN_VIEW = 14
LONGEST_PATH = 44
#: What all paths of the hub and the nodes have in common.
VERSION = "/ocpi/2.2.1/"


class Screen:
    """Shows the story while it is told."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._outcomes: dict[Step, str] = {}
        self._now: Step | None = None
        self._legs: deque[JournalEntry] = deque(maxlen=IN_VIEW)
        self._count = 0
        self._live = Live(console=console, get_renderable=self._view, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if not self._console.is_terminal:
            self._console.print()  # the last view ends without a line of its own

    def leg(self, entry: JournalEntry) -> None:
        """A leg of an exchange has ended."""
        self._legs.append(entry)
        self._count += 1

    def begins(self, step: Step) -> None:
        """A step begins."""
        self._now = step

    def ends(self, step: Step, outcome: str) -> None:
        """A step has led to this."""
        self._outcomes[step] = outcome
        if not self._console.is_terminal:
            # No markup here and below: what was received may be part of it.
            line = f"{len(self._outcomes)}. {step.title}: {outcome}"
            self._console.print(line, soft_wrap=True, markup=False)

    def could_not_begin(self, error: Exception) -> None:
        """Somebody could not come on stage."""
        self._say_failed("the start", f"{type(error).__name__}: {error}")

    def failed(self, failure: StoryFailed) -> None:
        """The story ended early."""
        self._say_failed(f"step {failure.step.title}", failure.reason)

    def too_slow(self, patience: timedelta) -> None:
        """The story took too long."""
        where = "the start" if self._now is None else f"step {self._now.title}"
        self._say_failed(where, f"not over within {patience.total_seconds():.0f} s")

    def summary(self, cast: Cast) -> None:
        """The bills, as the drivers get them."""
        for emsp in (cast.emsp_a, cast.emsp_b):
            self._console.print(f"{emsp.settings.node.name} bills its driver:", style="bold")
            self._console.print(bills([bill_as_json(bill) for bill in emsp.bills()]))
        self._console.print(
            f"[bold green]Done.[/] {self._count} legs of exchanges; sessions, CDRs and bills agree."
        )

    def left_running(self, cast: Cast) -> None:
        """What there is to try while everything keeps running."""
        hub = f"ocpi-hub --url {cast.hub.admin_url} --data {cast.folder / 'hub'}"
        emsp = f"ocpi-node emsp {{}} --node {cast.emsp_a.admin_url} --key {cast.emsp_a.admin_key}"
        cpo = f"ocpi-node cpo {{}} --node {cast.cpo.admin_url} --key {cast.cpo.admin_key}"
        today = utc_now().date()
        self._console.print("\nEverything keeps running until Ctrl-C.")
        for name, url in (
            ("hub, versions", cast.hub.versions_url),
            ("hub, administration", cast.hub.admin_url),
            ("CPO, versions", cast.cpo.versions_url),
            ("CPO, chargers connect at", cast.cpo.ocpp_url),
            ("eMSP AppDrive, versions", cast.emsp_a.versions_url),
            ("eMSP CardDrive, versions", cast.emsp_b.versions_url),
        ):
            self._console.print(f"  {name:26} {url}", soft_wrap=True, highlight=False)
        self._console.print("Try in another terminal:")
        for command in (
            f"{hub} partner list",
            f"{hub} journal --follow",
            f"{hub} objects locations",
            f"{hub} deliveries",
            f"{hub} cdr list",
            cpo.format("location list"),
            cpo.format("alerts"),
            # Time flies for the chargers: their sessions may have begun tomorrow.
            cpo.format(f"report --from {today} --to {today + timedelta(days=2)}"),
            emsp.format("locations"),
            emsp.format("bills"),
        ):
            self._console.print(f"  {command}", soft_wrap=True, highlight=False)

    def _say_failed(self, where: str, reason: str) -> None:
        said = Text.assemble(("Failed", "bold red"), " at ", (where, "bold"), f": {reason}")
        self._console.print(said, soft_wrap=True)

    def _view(self) -> RenderableType:
        if not self._console.is_terminal:
            return self._table_of_legs()  # the steps have been told, each when it was over
        return Group(self._steps(), self._table_of_legs())

    def _steps(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        for number, step in enumerate(STORY, 1):
            outcome = self._outcomes.get(step)
            mark = Text("✓", "green") if outcome else Text("…" if step is self._now else " ", "yellow")
            title = Text(step.title, "bold" if step is self._now else "")
            table.add_row(mark, f"{number}.", title, Text(outcome or "", "dim"))
        return table

    def _table_of_legs(self) -> RenderableType:
        table = Table(
            title=f"Legs through the hub ({self._count})",
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        for column in ("who to whom", "request", "HTTP", "OCPI", "ms", "from", "to"):
            table.add_column(column, no_wrap=True, justify="right" if column == "ms" else "left")
        for entry in self._legs:
            table.add_row(*_row(entry))
        return table


def _row(entry: JournalEntry) -> tuple[str, ...]:
    platform = entry.platform or "?"
    who, whom = (platform, "hub") if entry.direction is Direction.IN else ("hub", platform)
    path = urlsplit(entry.url).path.removeprefix(VERSION)
    path = path if len(path) <= LONGEST_PATH else f"{path[: LONGEST_PATH - 1]}…"
    return (
        f"{who} → {whom}",
        f"{entry.method} {path}",
        str(entry.http_status or "-"),
        str(entry.status_code or "-"),
        f"{entry.took / timedelta(milliseconds=1):.0f}",
        entry.from_party or "",
        entry.to_party or "",
    )
