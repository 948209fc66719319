"""`ocpi-node cpo site`: how the power of a site is shared, and why."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Group, RenderableType

from partners.node_cli import NodeCommands
from partners.remote import Json, Key, Node, RemoteNode, show
from partners.tables import Values, fields, lines, plain


def add_site_commands(app: typer.Typer, default_node: str) -> None:
    """Add `site`."""
    site = typer.Typer(no_args_is_help=True, help="Sites whose power is shared between those who charge.")
    app.add_typer(site, name="site")
    NodeCommands(site, default_node).listing(
        "list", shown_sites, "The sites: their limit now, and what is drawn.", path="/sites"
    )

    @site.command("show")
    def show_site(
        location: Annotated[str, typer.Argument(help="The id of its location.")],
        *,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Who has how much, until when, and why; with --json also what each may expect."""
        found = RemoteNode(node, key).ask("GET", f"/sites/{quote(location, safe='')}")
        show(found, as_json=as_json, table=shown_site)


def shown_sites(found: Sequence[Values]) -> RenderableType:
    """One line a site."""
    headings = "Site", "Strategy", "Limit now A", "kW", "Worst case A", "Measured A", "Charging", "Problems"
    table = lines(*headings)
    for each in found:
        table.add_row(
            each["location"],
            each["strategy"],
            _phases(each["limit"]),
            _kilowatt(each["limit"]),
            _phases(each["worst_case"]),
            _phases(each["measured"]),
            str(each["charging"]),
            "; ".join(f"{kind}: {why}" for kind, why in each["problems"].items()) or "none",
        )
    return table


def shown_site(found: Values) -> RenderableType:
    """One line a connector, under what holds for all."""
    head = fields(
        {
            "site": found["location"],
            "strategy": found["strategy"],
            "limit now": f"{_phases(found['limit'])} A",
            "worst case": f"{_phases(found['worst_case'])} A",
            "measured": f"{_phases(found['measured'])} A",
            **found["problems"],
        }
    )
    headings = "Phases", "Transaction", "Share A", "Confirmed A", "Counted A", "Drawn A", "Why"
    table = lines("Charge point", *headings)
    for each in found["connectors"]:
        table.add_row(
            f"{each['charge_point']} {each['connector']}",
            each["phases"],
            plain(each["transaction_id"]),
            plain(each["share_amperes"]),
            plain(each["confirmed_amperes"]),
            plain(each["counted_amperes"]),
            plain(each["drawn_amperes"]),
            each["why"],
        )
    return Group(head, table)


def _phases(load: Values) -> str:
    return " / ".join(str(each) for each in load["amperes"])


def _kilowatt(load: Values) -> str:
    return f"{load['watt'] / 1000:.1f}"
