"""The commands that a CPO's and an eMSP's command line have in common."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import typer

from partners.remote import Json, Key, Node, RemoteNode, show
from partners.tables import fields


class NodeCommands(NamedTuple):
    """Adds them to a command line; most speak with a running node."""

    app: typer.Typer
    #: Where the node's own API listens, unless told otherwise.
    default_url: str

    def example(self, configuration: str, usage: str) -> None:
        """Add a command that prints a configuration."""

        @self.app.command(help=f"Print a configuration to start from: {usage}.")
        def example() -> None:
            typer.echo(configuration, nl=False)

    def listing(
        self, name: str, table: Callable[[Any], Any], description: str, *, path: str | None = None
    ) -> None:
        """Add a command that shows what the node answers to `GET /name`, or to another path."""

        @self.app.command(name, help=description)
        def listing(*, node: Node = self.default_url, key: Key = "", as_json: Json = False) -> None:
            show(RemoteNode(node, key).ask("GET", path or f"/{name}"), as_json=as_json, table=table)

    def registration(self) -> None:
        """Add `register`, `invite` and `state`."""

        @self.app.command()
        def register(
            versions_url: Annotated[str, typer.Argument(help="The hub's versions URL.")],
            token: Annotated[
                str, typer.Option(prompt="Token A", hide_input=True, help="The token A it gave us.")
            ],
            *,
            node: Node = self.default_url,
            key: Key = "",
            as_json: Json = False,
        ) -> None:
            """Register at a hub."""
            value = {"versions_url": versions_url, "token": token}
            show(RemoteNode(node, key).ask("POST", "/register", value), as_json=as_json, table=fields)

        @self.app.command()
        def invite(*, node: Node = self.default_url, key: Key = "", as_json: Json = False) -> None:
            """Make a token A with which a hub may register with us."""
            show(RemoteNode(node, key).ask("POST", "/invitation"), as_json=as_json, table=fields)

        self.listing("state", fields, "Who the node is, and with whom it is registered.")
