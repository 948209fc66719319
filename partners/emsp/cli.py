"""`ocpi-node emsp`: run an eMSP, and be its driver or its operator from another terminal."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from hub.ocpi.timestamps import format_timestamp, parse_timestamp
from partners.emsp import screens
from partners.emsp.app import EmspNode
from partners.emsp.settings import ADMIN_PORT, emsp_settings
from partners.node_cli import NodeCommands
from partners.remote import Json, Key, Node, OfParty, RemoteNode, say, show
from partners.serving import given_up_if_impossible
from partners.serving import serve as serve_until_stopped
from partners.tables import fields
from schemas.v2_2_1 import ChargingRateUnit, ProfileType, TokenType, WhitelistType

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

# More parties of the same platform, each with its own drivers.
# [[parties]]
# party = "NL/EMB"
# name = "Another brand"

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
# Of another party: party = "NL/EMB"
"""

app = typer.Typer(no_args_is_help=True, help="A reference eMSP: serve drivers, charge at others' chargers.")
commands = NodeCommands(app, DEFAULT_NODE)
commands.example(EXAMPLE, "ocpi-node emsp example > emsp.toml")


def _moment(text: str | None) -> str | None:
    try:
        return None if text is None else format_timestamp(parse_timestamp(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Energy = Annotated[str | None, typer.Option(help="How many kWh.")]
Minutes = Annotated[str | None, typer.Option(help="In how many minutes.")]
Parking = Annotated[
    str | None, typer.Option("--parking-minutes", help="How long the car stays connected afterwards.")
]
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
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Where one can charge, and at what price."""
    query = "" if token is None else "?" + urlencode({"token": token})
    show(
        RemoteNode(node, key, party).ask("GET", "/locations" + query),
        as_json=as_json,
        table=screens.locations,
    )


@app.command("quote")
def quote_price(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str, typer.Argument(help="The EVSE's uid.")],
    connector: Annotated[str, typer.Argument(help="The connector's id.")],
    *,
    energy: Annotated[str, typer.Option(help="How many kWh.")],
    minutes: Annotated[str, typer.Option(help="In how many minutes.")],
    parking: Parking = None,
    start: Annotated[
        str | None,
        typer.Option(help="From when, as 2026-01-31T12:00:00Z; left out, from now.", callback=_moment),
    ] = None,
    profile: Annotated[
        ProfileType | None, typer.Option(help="The driver's preference: CHEAP, FAST, GREEN or REGULAR.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="The token that would be used.")] = None,
    ad_hoc: Annotated[bool, typer.Option("--ad-hoc", help="Paid at the charge point.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the reasons.")] = False,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """What a charging will cost, before it starts. Exit status 1 if nobody can say."""
    value = _given(
        location=location,
        evse=evse,
        connector=connector,
        start=start,
        profile=profile,
        token=token,
        ad_hoc=ad_hoc or None,
        owner=owner,
        **_wish(energy, minutes, parking),
    )
    table = screens.quote_explained if explain else screens.quote
    show(RemoteNode(node, key, party).ask("POST", "/quotes", value), as_json=as_json, table=table)


@app.command()
def start(
    token: Annotated[str, typer.Argument(help="One of our tokens.")],
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str | None, typer.Argument(help="The EVSE's uid.")] = None,
    connector: Annotated[str | None, typer.Argument(help="The connector's id.")] = None,
    energy: Energy = None,
    minutes: Minutes = None,
    parking: Parking = None,
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Start charging. Exit status 1 if the charger does not.

    With --energy and --minutes it says first what that will cost, and the bill reminds of it; without a quote
    nothing is started.
    """
    if (energy is None) != (minutes is None):
        raise typer.BadParameter("a quote needs both --energy and --minutes", param_hint="--energy")
    wish = _wish(energy, minutes, parking)
    value = _given(token=token, location=location, evse=evse, connector=connector, owner=owner, **wish)
    _command(RemoteNode(node, key, party).ask("POST", "/sessions", value), as_json=as_json)


@app.command()
def stop(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Stop charging. Exit status 1 if the charger does not."""
    path = f"/sessions/{quote(session, safe='')}"
    _command(RemoteNode(node, key, party).ask("DELETE", path, _given(owner=owner)), as_json=as_json)


@app.command()
def reserve(
    token: Annotated[str, typer.Argument(help="One of our tokens.")],
    location: Annotated[str, typer.Argument(help="The location's id.")],
    until: Annotated[str, typer.Argument(help="Until when, as 2026-01-31T12:00:00Z.", callback=_moment)],
    evse: Annotated[str | None, typer.Argument(help="The EVSE's uid.")] = None,
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Have an EVSE kept free. Exit status 1 if it is not."""
    value = _given(token=token, location=location, until=until, evse=evse, owner=owner)
    _command(RemoteNode(node, key, party).ask("POST", "/reservations", value), as_json=as_json)


@app.command()
def cancel(
    reservation: Annotated[str, typer.Argument(help="The reservation's id, as `reserve` printed it.")],
    *,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Give a reservation up."""
    path = f"/reservations/{quote(reservation, safe='')}"
    _command(RemoteNode(node, key, party).ask("DELETE", path), as_json=as_json)


@app.command()
def unlock(
    location: Annotated[str, typer.Argument(help="The location's id.")],
    evse: Annotated[str, typer.Argument(help="The EVSE's uid.")],
    connector: Annotated[str, typer.Argument(help="The connector's id.")],
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Release a cable that is stuck: for the operator's help desk, never for a driver's app."""
    value = _given(location=location, evse=evse, connector=connector, owner=owner)
    _command(RemoteNode(node, key, party).ask("POST", "/help-desk/unlock", value), as_json=as_json)


@app.command()
def prefer(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    profile: Annotated[ProfileType, typer.Argument(help="CHEAP, FAST, GREEN or REGULAR.")],
    departure: Annotated[
        str | None,
        typer.Option(help="When the driver leaves, as 2026-01-31T12:00:00Z.", callback=_moment),
    ] = None,
    energy: Annotated[str | None, typer.Option(help="How many kWh the driver needs.")] = None,
    *,
    discharge: Annotated[bool, typer.Option(help="The car may give energy back.")] = False,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Say how a session should charge. Exit status 1 if the CPO does not accept."""
    value = _given(
        profile_type=profile,
        departure_time=departure,
        energy_need=None if energy is None else _number(energy, "--energy"),
        discharge_allowed=discharge or None,
        owner=owner,
    )
    path = f"/sessions/{quote(session, safe='')}/preferences"
    _accepted(RemoteNode(node, key, party).ask("PUT", path, value), as_json=as_json)


@app.command()
def limit(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    periods: Annotated[
        list[str], typer.Argument(help="Each SECONDS:LIMIT, as 0:11000 3600:6000; the first at 0.")
    ],
    unit: Annotated[
        ChargingRateUnit, typer.Option(help="W in all, or A for each phase.")
    ] = ChargingRateUnit.W,
    start: Annotated[
        str | None,
        typer.Option(help="From when; left out, from the start of charging.", callback=_moment),
    ] = None,
    duration: Annotated[int | None, typer.Option(help="Seconds; left out, the last period runs on.")] = None,
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Set a charging profile: a ceiling, no promise. Exit status 1 if it is not taken."""
    profile = _given(
        start_date_time=start,
        duration=duration,
        charging_rate_unit=unit,
        charging_profile_period=[_period(each) for each in periods],
    )
    if profile["charging_profile_period"][0]["start_period"] != 0:
        raise typer.BadParameter("the first period starts at 0 seconds, as in 0:11000", param_hint="periods")
    path = f"/sessions/{quote(session, safe='')}/profile"
    value = {"profile": profile, **_given(owner=owner)}
    _accepted(RemoteNode(node, key, party).ask("PUT", path, value), as_json=as_json)


@app.command()
def limits(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    duration: Annotated[int, typer.Option(help="For how many seconds from now.")] = 900,
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Ask for the charging profile that is active. Exit status 1 if nobody tells."""
    query = urlencode({"duration": str(duration), **_given(owner=owner)})
    path = f"/sessions/{quote(session, safe='')}/profile?{query}"
    _accepted(RemoteNode(node, key, party).ask("GET", path), as_json=as_json)


@app.command()
def unlimit(
    session: Annotated[str, typer.Argument(help="The session's id, as `sessions` shows it.")],
    *,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Clear the charging profile that was set. Exit status 1 if it is not cleared."""
    path = f"/sessions/{quote(session, safe='')}/profile"
    _accepted(RemoteNode(node, key, party).ask("DELETE", path, _given(owner=owner)), as_json=as_json)


def _listing(name: str, table: Callable[[Any], Any], description: str) -> None:
    @app.command(name, help=description)
    def listing(
        *, party: OfParty = None, node: Node = DEFAULT_NODE, key: Key = "", as_json: Json = False
    ) -> None:
        show(RemoteNode(node, key, party).ask("GET", f"/{name}"), as_json=as_json, table=table)


_listing("sessions", screens.sessions, "The sessions of our drivers.")
_listing("reservations", screens.reservations, "The reservations of our drivers, and how each stands.")
_listing("bills", screens.bills, "A bill for each CDR: lines, VAT, total, and what our check found.")
_listing("balances", screens.balances, "What is owed for each charging in the end, credits taken off.")
_listing("owed", fields, "What all bills come to, in each currency.")
_listing("tokens", screens.tokens, "The tokens that we have issued.")


@app.command()
def bill(
    cdr: Annotated[str, typer.Argument(help="The CDR's id, as `bills` shows it.")],
    *,
    explain: Annotated[bool, typer.Option("--explain", help="Show the reasons of our reckoning.")] = False,
    hub: Annotated[bool, typer.Option("--hub", help="Ask the hub for its verdict, too.")] = False,
    owner: Owner = None,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """One bill with its check: each amount of the CDR beside ours, and what was found."""
    query = urlencode(_given(owner=owner, hub="yes" if hub else None))
    path = f"/bills/{quote(cdr, safe='')}" + (f"?{query}" if query else "")
    table = screens.bill_explained if explain else screens.bill
    show(RemoteNode(node, key, party).ask("GET", path), as_json=as_json, table=table)


@app.command()
def issue(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    kind: Annotated[
        TokenType, typer.Option("--type", help="RFID, APP_USER, AD_HOC_USER or OTHER.")
    ] = TokenType.RFID,
    whitelist: Annotated[
        WhitelistType | None,
        typer.Option(help="ALWAYS, ALLOWED, ALLOWED_OFFLINE or NEVER."),
    ] = None,
    *,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Issue a token, and tell all CPOs."""
    value = {"uid": uid, "type": kind, **_given(whitelist=whitelist)}
    show([RemoteNode(node, key, party).ask("POST", "/tokens", value)], as_json=as_json, table=screens.tokens)


@app.command()
def block(
    uid: Annotated[str, typer.Argument(help="The token's uid.")],
    *,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Take a token out of use, and tell all CPOs."""
    answer = RemoteNode(node, key, party).ask("DELETE", f"/tokens/{quote(uid, safe='')}")
    show([answer], as_json=as_json, table=screens.tokens)


@app.command()
def pull(
    *,
    party: OfParty = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Read all tariffs, locations, sessions and CDRs anew."""
    show(RemoteNode(node, key, party).ask("POST", "/pull"), as_json=as_json, table=fields)


commands.registration()


def _command(answer: dict[str, Any], *, as_json: bool) -> None:
    show(answer, as_json=as_json, table=screens.command)
    if not answer["accepted"]:
        raise typer.Exit(1)


def _accepted(answer: dict[str, Any], *, as_json: bool) -> None:
    show(answer, as_json=as_json, table=fields)
    if not answer["accepted"]:
        raise typer.Exit(1)


def _period(text: str) -> dict[str, Any]:
    start, _, most = text.partition(":")
    if not (start.isascii() and start.isdigit()):
        raise typer.BadParameter(f"expected SECONDS:LIMIT, got {text!r}", param_hint="periods")
    return {"start_period": int(start), "limit": _number(most, "periods")}


def _wish(energy: str | None, minutes: str | None, parking: str | None) -> dict[str, Any]:
    told = {"energy": energy, "minutes": minutes, "parking_minutes": parking}
    return {
        name: _number(text, f"--{name.replace('_', '-')}") for name, text in told.items() if text is not None
    }


def _number(text: str, where: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise typer.BadParameter(f"expected a number, got {text!r}", param_hint=where)
    return number


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
