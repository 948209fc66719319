"""`ocpi-node cpo charger`: which chargers may connect, and how they prove who they are."""

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import RenderableType

from partners.remote import Json, Key, Node, RemoteNode, show
from partners.tables import Values, fields, lines, plain

Name = Annotated[str, typer.Argument(metavar="NAME", help="The charger's identity.")]
Password = Annotated[
    str | None, typer.Option(help="16 to 40 characters; left out: a new one, which is shown once.")
]


def add_charger_commands(app: typer.Typer, default_node: str) -> None:
    """Add `charger …`."""
    charger = typer.Typer(no_args_is_help=True, help="Chargers: who may connect, passwords, certificates.")
    app.add_typer(charger, name="charger")
    _add_looking(charger, default_node)
    _add_passwords(charger, default_node)
    _add_standing(charger, default_node)
    _add_certificates(charger, default_node)


def _add_looking(charger: typer.Typer, default_node: str) -> None:
    @charger.command("list")
    def list_chargers(*, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """The chargers that are known, and those that wait for a word (pending)."""
        show(RemoteNode(node, key).ask("GET", "/accounts"), as_json=as_json, table=_listed)

    @charger.command("show")
    def show_charger(name: Name, *, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """One charger: standing, certificates, and what onboarding could not set."""
        show(_ask(node, key, "GET", name), as_json=as_json, table=fields)


def _add_passwords(charger: typer.Typer, default_node: str) -> None:
    @charger.command()
    def add(
        name: Name,
        *,
        password: Password = None,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Let a charger connect, with a password. Exit status 1 if it is known already."""
        show(_ask(node, key, "POST", name, "", {"password": password}), as_json=as_json, table=fields)

    @charger.command("set-password")
    def set_password(
        name: Name,
        *,
        password: Password = None,
        tell: Annotated[
            bool, typer.Option("--tell", help="Set it at the charger, too, which must be connected.")
        ] = False,
        node: Node = default_node,
        key: Key = "",
        as_json: Json = False,
    ) -> None:
        """Give a charger another password. Exit status 1 if it does not take it (--tell)."""
        value = {"password": password, "tell_charger": tell}
        show(_ask(node, key, "PUT", name, "/password", value), as_json=as_json, table=fields)


def _add_standing(charger: typer.Typer, default_node: str) -> None:
    @charger.command()
    def allow(name: Name, *, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """Let a charger in that was blocked, or that waits (pending)."""
        value = {"standing": "allowed"}
        show(_ask(node, key, "PUT", name, "/standing", value), as_json=as_json, table=fields)

    @charger.command()
    def block(name: Name, *, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """Let a charger in no more, and end its link."""
        value = {"standing": "blocked"}
        show(_ask(node, key, "PUT", name, "/standing", value), as_json=as_json, table=fields)


def _add_certificates(charger: typer.Typer, default_node: str) -> None:
    @charger.command()
    def renew(name: Name, *, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """Let a charger ask for a certificate, its first one or a new one."""
        show(_ask(node, key, "POST", name, "/certificate"), as_json=as_json, table=fields)

    @charger.command()
    def revoke(name: Name, *, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """Take back all certificates of a charger, and end its link."""
        show(_ask(node, key, "DELETE", name, "/certificates"), as_json=as_json, table=fields)

    @charger.command()
    def authority(*, node: Node = default_node, key: Key = "", as_json: Json = False) -> None:
        """The certificate of the CPO's authority (PEM)."""
        found = RemoteNode(node, key).ask("GET", "/authority")
        show(found, as_json=as_json, table=lambda value: str(value["certificate"]))


def _ask(node: str, key: str, method: str, name: str, rest: str = "", value: Any = None) -> Any:
    return RemoteNode(node, key).ask(method, f"/accounts/{quote(name, safe='')}{rest}", value)


def _listed(chargers: list[Values]) -> RenderableType:
    table = lines("Charger", "Standing", "Connected", "Password", "Certificates", "Model", "Findings")
    for each in chargers:
        good = [one for one in each["certificates"] if not one["is_revoked"]]
        table.add_row(
            each["id"],
            each["standing"],
            "yes" if each["is_connected"] else "no",
            "yes" if each["has_password"] else "no",
            str(len(good)),
            plain(each["model"]),
            "; ".join(each["findings"]),
        )
    return table
