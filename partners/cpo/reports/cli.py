"""`ocpi-node cpo report` and `exclusion`: how chargers have done."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Group, RenderableType

from partners.cpo.reports import csv_files
from partners.cpo.reports.exclusions import Reason
from partners.cpo.reports.page import page, revenue
from partners.remote import Json, Key, Node, RemoteNode, give_up, say, show
from partners.tables import Values, lines, plain


def add_report_commands(app: typer.Typer, default_node: str) -> None:
    """Add `report` and `exclusion`."""

    @app.command()
    def report(
        *,
        since: Annotated[
            str, typer.Option("--from", help="The first day, as 2026-03-01, or a month, as 2026-03.")
        ],
        until: Annotated[
            str, typer.Option("--to", help="The first day that does not count any more, or a month.")
        ],
        csv: Annotated[Path | None, typer.Option("--csv", help="Write the tables into this folder.")] = None,
        html: Annotated[Path | None, typer.Option("--html", help="Write a page with plots.")] = None,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Uptime a connector and month; sessions, energy, revenue, utilisation by location, charger, hour."""
        path = f"/report?from={quote(since, safe='')}&to={quote(until, safe='')}"
        made = RemoteNode(node, key).ask("GET", path)
        try:
            written = [] if csv is None else csv_files.write(made, csv)
            if html is not None:
                html.write_text(page(made), encoding="utf-8")
                written.append(html)
        except OSError as error:
            give_up(f"cannot write: {error}")
        if as_json or not written:
            show(made, as_json=as_json, table=shown_report)
        for file in written:
            say(f"{file} is written") if not as_json else sys.stderr.write(f"{file} is written\n")

    _add_exclusions(app, default_node)


def _add_exclusions(app: typer.Typer, default_node: str) -> None:
    exclusion = typer.Typer(no_args_is_help=True, help="Time that does not count against a charger's uptime.")
    app.add_typer(exclusion, name="exclusion")

    @exclusion.command("list")
    def list_all(*, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """All that were added."""
        show(RemoteNode(node, key).ask("GET", "/exclusions"), as_json=as_json, table=shown_exclusions)

    @exclusion.command()
    def add(
        charge_point: Annotated[str, typer.Argument(help="The charge point's identity.")],
        *,
        since: Annotated[str, typer.Option("--from", help="As 2026-03-29T08:00:00Z.")],
        until: Annotated[str, typer.Option("--to", help="As 2026-03-29T12:00:00Z.")],
        reason: Annotated[Reason, typer.Option(help="Why it does not count.")],
        connector: Annotated[int | None, typer.Option(help="One connector; left out: all of them.")] = None,
        note: Annotated[str, typer.Option(help="For people.")] = "",
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Take a stretch of time out, as for planned work or a grid failure."""
        value = {
            "charge_point": charge_point,
            "connector": connector,
            "since": since,
            "until": until,
            "reason": reason.value,
            "note": note,
        }
        show(RemoteNode(node, key).ask("POST", "/exclusions", value), as_json=as_json, table=shown_exclusions)

    @exclusion.command()
    def remove(
        number: Annotated[int, typer.Argument(help="Its number, as `exclusion list` shows it.")],
        *,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Let it count again."""
        done = RemoteNode(node, key).ask("DELETE", f"/exclusions/{number}")
        show(done, as_json=as_json, table=lambda _: f"Exclusion {number} is removed.")


def shown_report(found: Values) -> RenderableType:
    """All tables, one below the other."""
    return Group(
        _usage("Location", "location_id", found["locations"]),
        "",
        _usage("Charge point", "charge_point", found["chargers"]),
        "",
        _usage("Hour", "hour", [row for row in found["hours"] if row["sessions"] or row["revenue"]]),
        "",
        _uptime(found["uptime"]),
    )


def _usage(heading: str, key: str, rows: Sequence[Values]) -> RenderableType:
    table = lines(heading, "Sessions", "kWh", "Revenue without VAT", "Utilisation %")
    for row in rows:
        cells = (row[key], row["sessions"], row["kwh"], revenue(row), row["utilisation_percent"])
        table.add_row(*map(plain, cells))
    return table


def _uptime(rows: Sequence[Values]) -> RenderableType:
    table = lines(
        "Location", "Charge point", "Connector", "Month", "UK %", "NEVI %", "Down, min", "No link, min"
    )
    for row in rows:
        names = ("location_id", "charge_point", "connector", "month", "uk_percent", "nevi_percent")
        table.add_row(*(plain(row[name]) for name in (*names, "down_minutes", "unknown_minutes")))
    return table


def shown_exclusions(found: Sequence[Values]) -> Any:
    """One line each."""
    table = lines("Exclusion", "Charge point", "Connector", "From", "To", "Reason", "Note")
    for each in found:
        whole = plain(each["connector"]) or "all"
        cells = (each["charge_point"], whole, each["since"], each["until"], each["reason"], each["note"])
        table.add_row(str(each["id"]), *cells)
    return table
