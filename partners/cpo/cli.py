"""`ocpi-node cpo`: run a CPO, and look at it from another terminal."""

import asyncio
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
import uvloop

from partners.cpo import screens
from partners.cpo.app import CpoNode
from partners.cpo.energy.cli import add_site_commands
from partners.cpo.health.cli import add_health_commands
from partners.cpo.location_cli import add_location_commands
from partners.cpo.reports.cli import add_report_commands
from partners.cpo.security.cli import add_charger_commands
from partners.cpo.settings import ADMIN_PORT, read_settings
from partners.node_cli import NodeCommands
from partners.remote import Json, Key, Node, RemoteNode, say, show
from partners.serving import given_up_if_impossible
from partners.serving import serve as serve_until_stopped
from partners.tables import fields

DEFAULT_NODE = f"http://127.0.0.1:{ADMIN_PORT}"
EXAMPLE = """\
[node]
party = "NL/CPO"
name = "Example CPO"
# The key of the node's own API, which the commands of `ocpi-node cpo` show.
admin_key = "change-me"
# Where it listens for the hub; behind a proxy, public_url is how the hub reaches it.
port = 8010
admin_port = 8011
# public_url = "https://cpo.example"
database = "cpo.sqlite"

[cpo]
# Charge points connect to ws://HOST:PORT/ocpp/IDENTITY, by OCPP 1.6J, 2.0.1 or 2.1.
ocpp_port = 9000
# After how long, and how much energy, the eMSP hears of a running session.
tell_every_seconds = 60
tell_every_kwh = 1

# What counts as ill, and who hears of it: docs/cpo-health.md.
# [health]
# offline_after_seconds = 300
# webhook_url = "https://operations.example/alerts"
# webhook_secret = "a long secret that the webhook knows, too"

# How chargers prove who they are: docs/cpo-security.md. 0 nothing, 1 a password, 2 and TLS, 3 a certificate.
# [security]
# profile = 1
# unknown_chargers = "refuse"

# What chargers are set to when they boot: a file of profiles.
# [onboarding]
# profiles = "charger-profiles.toml"

# The hub that it registers at; or use `ocpi-node cpo register`.
# [hub]
# versions_url = "https://hub.example/ocpi/versions"
# token = "the token A that the hub gave us"

# Tariffs and locations are written as OCPI 2.2.1 has them.
[[tariffs]]
id = "standard"
currency = "EUR"

[[tariffs.elements]]
price_components = [
    { type = "FLAT", price = 0.50, vat = 21, step_size = 1 },
    { type = "ENERGY", price = 0.35, vat = 21, step_size = 1 },
    { type = "PARKING_TIME", price = 2.40, vat = 21, step_size = 300 },
]

[[locations]]
id = "station-square"
publish = true
name = "Station Square"
address = "Station Square 1"
city = "Utrecht"
country = "NLD"
coordinates = { latitude = "52.08950", longitude = "5.11040" }
time_zone = "Europe/Amsterdam"

[[locations.evses]]
uid = "evse-1"
evse_id = "NL*CPO*E1"
capabilities = [
    "RFID_READER",
    "REMOTE_START_STOP_CAPABLE",
    "UNLOCK_CAPABLE",
    "RESERVABLE",
    "CHARGING_PROFILE_CAPABLE",
]
# Which charge point it is, as it names itself.
charge_point = "CP001"

[[locations.evses.connectors]]
id = "1"
standard = "IEC_62196_T2"
format = "SOCKET"
power_type = "AC_3_PHASE"
max_voltage = 230
max_amperage = 32
tariff_ids = ["standard"]
# Its number at the charge point.
ocpp_connector = 1

# Share the power of the location between those who charge: docs/cpo-energy.md.
# [[sites]]
# location = "station-square"
# grid_watt = 100000
# strategy = "equal"
"""

EXAMPLE_PROFILES = """\
# What chargers are set to while they are Pending; the first profile that fits counts.

# A model that is known to leave out the reason of its boot: by identity, since it is its boot that is wrong.
# [[profiles]]
# name = "Model that leaves fields out"
# charge_points = ["OLD*"]
# relaxed = ["missing-fields"]

[[profiles]]
name = "Any charger"
vendor = "*"
model = "*"

# OCPP 1.6
[profiles.settings]
HeartbeatInterval = 300
MeterValueSampleInterval = 60
MeterValuesSampledData = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,SoC"
StopTxnSampledData = "Energy.Active.Import.Register"
ClockAlignedDataInterval = 900
WebSocketPingInterval = 60
ConnectionTimeOut = 90
StopTransactionOnInvalidId = true
StopTransactionOnEVSideDisconnect = true
# Whom a command names is known already, and apps have no card that a charger could ask about.
AuthorizeRemoteTxRequests = false
# Without a link the local list decides; with one the CPO does, who asks the eMSP where it must.
LocalAuthorizeOffline = true
LocalPreAuthorize = false
TransactionMessageAttempts = 10
TransactionMessageRetryInterval = 30

# OCPP 2.0.1 and 2.1
[profiles.variables]
# A transaction is what is billed: from the first current until the cable is out.
"TxCtrlr.TxStartPoint" = "PowerPathClosed"
"TxCtrlr.TxStopPoint" = "EVConnected"
"TxCtrlr.EVConnectionTimeOut" = 90
"TxCtrlr.StopTxOnInvalidId" = true
"SampledDataCtrlr.TxStartedMeasurands" = "Energy.Active.Import.Register"
"SampledDataCtrlr.TxUpdatedMeasurands" = "Energy.Active.Import.Register,Power.Active.Import,SoC"
"SampledDataCtrlr.TxEndedMeasurands" = "Energy.Active.Import.Register"
"SampledDataCtrlr.TxUpdatedInterval" = 60
"OCPPCommCtrlr.HeartbeatInterval" = 300
"OCPPCommCtrlr.WebSocketPingInterval" = 60
"OCPPCommCtrlr.MessageAttempts[TransactionEvent]" = 10
"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]" = 30
"AuthCtrlr.AuthorizeRemoteStart" = false
"AuthCtrlr.LocalAuthorizeOffline" = true
"AuthCtrlr.LocalPreAuthorize" = false
# Where calibration law wants signed values:
# "SampledDataCtrlr.SignReadings" = true
"""

app = typer.Typer(no_args_is_help=True, help="A reference CPO: run chargers, and let others' drivers charge.")
commands = NodeCommands(app, DEFAULT_NODE)
cdr = typer.Typer(no_args_is_help=True, help="CDRs: look at them, and take back what was wrong.")
app.add_typer(cdr, name="cdr")
reservation = typer.Typer(no_args_is_help=True, help="Reservations that charge points keep.")
app.add_typer(reservation, name="reservation")
commands.example(EXAMPLE, "ocpi-node cpo example > cpo.toml")


@app.command("example-profiles")
def example_profiles() -> None:
    """Profiles of settings to begin with: `ocpi-node cpo example-profiles > charger-profiles.toml`."""
    typer.echo(EXAMPLE_PROFILES, nl=False)


@app.command()
def serve(config: Annotated[Path, typer.Argument(help="The TOML file with the node's settings.")]) -> None:
    """Run the CPO until it is stopped. Exit status 1 if it cannot run."""
    with given_up_if_impossible():
        node = CpoNode(read_settings(config))

        def said() -> None:
            say(f"OCPI           {node.versions_url}")
            say(f"Charge points  {node.ocpp_url}/IDENTITY")
            if node.ocpp_tls_url:
                say(f"        by TLS  {node.ocpp_tls_url}/IDENTITY")
            say(f"Commands       ocpi-node cpo chargers --node {node.admin_url} --key {node.admin_key}")

        uvloop.run(serve_until_stopped(node, _nothing_more, said))


commands.listing("chargers", screens.chargers, "The charge points, and how their connectors are.")
commands.listing("sessions", screens.sessions, "The sessions, and whether their eMSP has heard of them.")
commands.listing("cdrs", screens.cdrs, "The CDRs, and whether their eMSP has accepted them.")
commands.listing("tokens", screens.tokens, "The eMSPs' tokens that we know.")
commands.registration()
add_health_commands(app, DEFAULT_NODE)
add_report_commands(app, DEFAULT_NODE)
add_charger_commands(app, DEFAULT_NODE)
add_site_commands(app, DEFAULT_NODE)
add_location_commands(app, DEFAULT_NODE)
NodeCommands(reservation, DEFAULT_NODE).listing(
    "list", screens.reservations, "The reservations that are open.", path="/reservations"
)
NodeCommands(cdr, DEFAULT_NODE).listing(
    "list", screens.cdrs, "The CDRs, and whether their eMSP has accepted them.", path="/cdrs"
)

CdrId = Annotated[str, typer.Argument(metavar="ID", help="The id of the CDR.")]


@cdr.command("show")
def show_cdr(cdr_id: CdrId, *, node: Node = DEFAULT_NODE, key: Key = "", as_json: Json = False) -> None:
    """One CDR, whole."""
    found = RemoteNode(node, key).ask("GET", f"/cdrs/{quote(cdr_id, safe='')}")
    show(found, as_json=as_json, table=screens.cdr)


@cdr.command()
def credit(cdr_id: CdrId, *, node: Node = DEFAULT_NODE, key: Key = "", as_json: Json = False) -> None:
    """Take a CDR back: its eMSP gets a Credit CDR. Exit status 1 if it was taken back before."""
    made = RemoteNode(node, key).ask("POST", f"/cdrs/{quote(cdr_id, safe='')}/credit")
    show(made, as_json=as_json, table=screens.cdrs)


@cdr.command()
def correct(
    cdr_id: CdrId,
    *,
    meter_stop: Annotated[
        int | None, typer.Option(help="The register at the end as somebody read it, Wh.")
    ] = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Take a CDR back, and bill the session anew by all that is known now."""
    value = {} if meter_stop is None else {"meter_stop_wh": meter_stop}
    made = RemoteNode(node, key).ask("POST", f"/cdrs/{quote(cdr_id, safe='')}/correction", value)
    show(made, as_json=as_json, table=screens.cdrs)


@reservation.command("cancel")
def cancel_reservation(
    number: Annotated[int, typer.Argument(help="Its number, as `reservation list` shows it.")],
    *,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Give up a reservation that cannot be kept; its eMSP is told."""
    done = RemoteNode(node, key).ask("DELETE", f"/reservations/{number}")
    show(done, as_json=as_json, table=lambda _: f"Reservation {number} is given up; its eMSP is told.")


@app.command()
def limit(
    charge_point: Annotated[str, typer.Argument(help="The charge point's identity.")],
    *,
    watt: Annotated[
        int | None, typer.Option(min=0, help="The most that it may draw in all; left out: no limit of ours.")
    ] = None,
    node: Node = DEFAULT_NODE,
    key: Key = "",
    as_json: Json = False,
) -> None:
    """Limit a whole charge point; eMSPs that set charging profiles there are told."""
    path = f"/chargers/{quote(charge_point, safe='')}/limit"
    show(RemoteNode(node, key).ask("PUT", path, {"watt": watt}), as_json=as_json, table=fields)


async def _nothing_more() -> None:
    """What the node does of its own accord begins when it is entered."""
    await asyncio.Event().wait()
