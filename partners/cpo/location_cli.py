"""`ocpi-node cpo location`: the Locations as others see them, and whether a configuration file is right."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import RenderableType

from partners.cpo.settings import read_settings
from partners.node_cli import NodeCommands
from partners.remote import Json, Key, Node, RemoteNode, show
from partners.serving import given_up_if_impossible
from partners.tables import Values, fields, lines


def add_location_commands(app: typer.Typer, default_node: str) -> None:
    """Add `location`."""
    location = typer.Typer(
        no_args_is_help=True, help="Locations: what others see, and whether a file is right."
    )
    app.add_typer(location, name="location")
    NodeCommands(location, default_node).listing(
        "list", shown_locations, "The Locations, and how their EVSEs are.", path="/locations"
    )

    @location.command("show")
    def show_location(
        location_id: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
        *,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """One Location as OCPI has it, with the status of each EVSE; it may be a private one."""
        found = RemoteNode(node, key).ask("GET", f"/locations/{quote(location_id, safe='')}")
        show(found, as_json=as_json, table=fields)

    @location.command()
    def check(
        config: Annotated[Path, typer.Argument(help="The TOML file with the node's settings.")],
        *,
        as_json: Json = False,
    ) -> None:
        """Check the locations and tariffs of a configuration file, and all else in it; no node is needed.

        Exit status 1 if something is wrong: each place is named, and what was expected there.
        """
        with given_up_if_impossible():
            found = read_settings(config).configuration
        told = {
            "tariffs": len(found.tariffs),
            "locations": len(found.locations),
            "private": len(found.private),
            "evses": sum(len(each["evses"]) for each in found.locations),
            "connectors": len(found.places),
            "charge_points": len(found.charge_points),
        }
        show(told, as_json=as_json, table=fields)


def shown_locations(found: Sequence[Values]) -> RenderableType:
    """One line a Location."""
    table = lines("Location", "Name", "City", "Told to others", "EVSEs", "Changed")
    for each in found:
        states = Counter(evse["status"] for evse in each["location"]["evses"])
        table.add_row(
            each["location"]["id"],
            each["location"].get("name", ""),
            each["location"]["city"],
            "no, private" if each["is_private"] else "yes",
            ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
            each["location"]["last_updated"],
        )
    return table
