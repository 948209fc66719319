"""`ocpi-node emsp`: run an eMSP, and be its driver or its operator from another terminal."""

import asyncio
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from partners.emsp import screens
from partners.emsp.app import EmspNode
from partners.emsp.settings import ADMIN_PORT, emsp_settings
from partners.node_cli import NodeCommands
from partners.remote import Json, Key, Node, RemoteNode, say, show
from partners.serving import given_up_if_impossible
from partners.serving import serve as serve_until_stopped
from partners.tables import fields

DEFAULT_NODE = f"http://127.0.0.1:{ADMIN_PORT}"
EXAMPLE = """\
[node]
party = "NL/EMA"
name = "Example eMSP"
# The key of the node's own API, which the commands of `ocpi-node emsp` show.
admin_key = "change-me"
# Where it listens; behind a proxy, public_url is how the hub reaches it.
port = 8020
admin_port = 8021
# public_url = "https://emsp.example"
database = "emsp.sqlite"

# The hub that it registers at; or use `ocpi-node emsp register`.
# [hub]
# versions_url = "https://hub.example/ocpi/versions"
# token = "the token A that the hub gave us"

[[tokens]]
uid = "04A1B2C3D4E5F6"
visual_number = "EMA-0001"

[[tokens]]
uid = "app-0001"
type = "APP_USER"
"""

app = typer.Typer(no_args_is_help=True, help="A reference eMSP: serve drivers, charge at others' chargers.")
commands = NodeCommands(app, DEFAULT_NODE)
commands.example(EXAMPLE, "ocpi-node emsp example > emsp.toml")

Owner = Annotated[
    str | None, typer.Option("--owner", help="The CPO, as NL/CPO, where several have such an id.")
]


@app.command()
def serve(config: Annotated[Path, typer.Argument(help="The TOML file with the node's settings.")]) -> None:
    """Run the eMSP until it is stopped. Exit status 1 if it cannot run."""
    with given_up_if_impossible():
        node = EmspNode(emsp_settings(config))

        def said() -> None:
            say(f"OCPI      {node.versions_url}")
            say(f"Commands  ocpi-node emsp locations --node {node.admin_url} --key {node.admin_key}")

        asyncio.run(serve_until_stopped(node, node.keep_in_step, said))


@app.command()
def locations(
    token: Annotated[str | None, typer.Option(help="Show what the owner of this token may see, too.")] = None,
    *,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Where one can charge, and at what price."""
    query = "" if token is None else "?" + urlencode({"token": token})
    show(RemoteNode(node, key).ask("GET", "/locations" + query), as_json=as_json, table=screens.locations)


@app.command()
def start(
    token: Annotated[str, typer.Argument(help="One of our tokens.")],
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str | None, typer.Argument(help="The EVSE's uid.")] = None,
    connector: Annotated[str | None, typer.Argument(help="The connector's id.")] = None,
    *,
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Start charging. Exit status 1 if the charger does not."""
    value = _given(token=token, location=location, evse=evse, connector=connector, owner=owner)
    _command(RemoteNode(node, key).ask("POST", "/sessions", value), as_json=as_json)


@app.command()
def stop(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    *,
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Stop charging. Exit status 1 if the charger does not."""
    path = f"/sessions/{quote(session, safe='')}"
    _command(RemoteNode(node, key).ask("DELETE", path, _given(owner=owner)), as_json=as_json)


@app.command()
def reserve(
    token: Annotated[str, typer.Argument(help="One of our tokens.")],
    location: Annotated[str, typer.Argument(help="The location's id.")],
    until: Annotated[str, typer.Argument(help="Until when, as 2026-01-31T12:00:00Z.")],
    evse: Annotated[str | None, typer.Argument(help="The EVSE's uid.")] = None,
    *,
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Have an EVSE kept free. Exit status 1 if it is not."""
    value = _given(token=token, location=location, until=until, evse=evse, owner=owner)
    _command(RemoteNode(node, key).ask("POST", "/reservations", value), as_json=as_json)


@app.command()
def cancel(
    reservation: Annotated[str, typer.Argument(help="The reservation's id, as `reserve` printed it.")],
    *,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Give a reservation up."""
    path = f"/reservations/{quote(reservation, safe='')}"
    _command(RemoteNode(node, key).ask("DELETE", path), as_json=as_json)


@app.command()
def unlock(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str, typer.Argument(help="The EVSE's uid.")],
    connector: Annotated[str, typer.Argument(help="The connector's id.")],
    *,
    owner: Owner = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Release a cable that is stuck: for the help desk."""
    value = _given(location=location, evse=evse, connector=connector, owner=owner)
    _command(RemoteNode(node, key).ask("POST", "/unlock", value), as_json=as_json)


commands.listing("sessions", screens.sessions, "The sessions of our drivers.")
commands.listing(
    "bills", screens.bills, "A bill for each CDR: lines, VAT, total, and whether our own reckoning agrees."
)
commands.listing("tokens", screens.tokens, "The tokens that we have issued.")


@app.command()
def issue(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    kind: Annotated[str, typer.Option("--type", help="RFID, APP_USER, AD_HOC_USER or OTHER.")] = "RFID",
    whitelist: Annotated[str | None, typer.Option(help="ALWAYS, ALLOWED, ALLOWED_OFFLINE or NEVER.")] = None,
    *,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Issue a token, and tell all CPOs."""
    value = {"uid": uid, "type": kind, **_given(whitelist=whitelist)}
    show([RemoteNode(node, key).ask("POST", "/tokens", value)], as_json=as_json, table=screens.tokens)


@app.command()
def block(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    *,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Take a token out of use, and tell all CPOs."""
    answer = RemoteNode(node, key).ask("DELETE", f"/tokens/{quote(uid, safe='')}")
    show([answer], as_json=as_json, table=screens.tokens)


@app.command()
def pull(
    *,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Read all tariffs and locations anew."""
    show(RemoteNode(node, key).ask("POST", "/pull"), as_json=as_json, table=fields)


commands.registration()


def _command(answer: dict[str, Any], *, as_json: bool) -> None:
    show(answer, as_json=as_json, table=screens.command)
    if not answer["accepted"]:
        raise typer.Exit(1)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
