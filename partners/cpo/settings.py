"""What a CPO node must be told, with its defaults and units; read once, from one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from hub.ocpi.backoff import Backoff
from partners import configuration_file
from partners.configuration_file import (
    ENERGY,
    FLAG,
    SECONDS,
    SOME_SECONDS,
    TEXT,
    Kind,
    Setting,
    SettingsWrong,
    read_toml,
    table_settings,
    unknown_tables,
)
from partners.cpo.billing.sessions import Pace
from partners.cpo.configuration import Configuration, configuration
from partners.cpo.energy.settings import SiteSettings, site_settings
from partners.cpo.health.thresholds import HEALTH, Thresholds
from partners.cpo.onboarding.onboarding_settings import ONBOARDING, OnboardingSettings, onboarding_settings
from partners.cpo.quirks import Quirks, quirks
from partners.cpo.security.security_settings import SECURITY, SecuritySettings, security_settings
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.cpo.transactions.transactions import Patience
from partners.listening import LOOPBACK
from partners.settings import NodeSettings, hub_settings, node_settings
from schemas.v2_2_1 import Status

#: Where a CPO listens unless its file says otherwise: for the hub, for its command line, for charge points.
PORT: Final = 8010
ADMIN_PORT: Final = 8011
OCPP_PORT: Final = 9000


class Ports(NamedTuple):
    """The ports that are taken where nothing else is said; 0 is a free one."""

    port: int
    admin_port: int
    ocpp_port: int


USUAL_PORTS: Final = Ports(PORT, ADMIN_PORT, OCPP_PORT)
FREE_PORTS: Final = Ports(0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpoSettings:
    """Who the CPO is, what it runs, and how patient it is."""

    node: NodeSettings
    configuration: Configuration
    #: Where charge points connect, by WebSocket.
    ocpp_host: str = "127.0.0.1"
    #: 0 takes a free port.
    ocpp_port: int = 0
    #: A charge point may be away for so long before its EVSEs are UNKNOWN.
    offline_grace: timedelta = timedelta(seconds=120)
    #: The status of an EVSE at which somebody prepares: a cable is in, or a card was shown.
    preparing: Status = Status.CHARGING
    #: How long that may go on, where `preparing` is BLOCKED; until then it is CHARGING.
    blocked_after: timedelta = timedelta(minutes=10)
    #: So far the clock of a charge point may be off before its times are corrected.
    trust_clock: timedelta = timedelta(minutes=5)
    #: How long an eMSP may take for a real-time authorization.
    authorize_within: timedelta = timedelta(seconds=5)
    #: How long after an accepted START_SESSION a transaction may begin, before its Session is INVALID.
    start_within: timedelta = timedelta(seconds=150)
    #: How long the end of a transaction waits for what is missing before it (OCPP 2.x).
    gap_patience: Patience = field(default_factory=Patience)
    #: A transaction whose connector has been free for so long is over, whatever was not told.
    free_for: timedelta = timedelta(minutes=10)
    #: The same, where its charge point is away and nothing was heard of it.
    silent_for: timedelta = timedelta(hours=72)
    #: Whether a Session of 1.6 goes on after its transaction until the car is unplugged, as parking …
    bill_until_unplug: bool = False
    #: … for so long at most.
    unplug_within: timedelta = timedelta(hours=12)
    #: A second request about the charging profile of a session within this time is TOO_OFTEN.
    profile_pause: timedelta = timedelta(seconds=10)
    #: How often the eMSP hears of a running Session.
    pace: Pace = field(default_factory=Pace)
    #: The longest charging period of a running Session.
    longest_period: timedelta = timedelta(minutes=15)
    #: Whether charge points get local authorization lists, in step with the tokens of the eMSPs.
    local_lists: bool = True
    #: A change of status is told at once; those that follow it within this time are told as one.
    settle: timedelta = timedelta(seconds=0.5)
    #: How long somebody who cannot be reached is left alone.
    backoff: Backoff = field(default_factory=Backoff)
    central_system: CentralSystemSettings = field(default_factory=CentralSystemSettings)
    #: What counts as ill at a charger, and who hears of it.
    health: Thresholds = field(default_factory=Thresholds)
    #: How charge points must prove who they are.
    security: SecuritySettings = field(default_factory=SecuritySettings)
    #: How they are set when they boot.
    onboarding: OnboardingSettings = field(default_factory=OnboardingSettings)
    #: Sites whose power is shared between those who charge.
    sites: tuple[SiteSettings, ...] = ()
    #: In what single chargers differ, by charge point.
    quirks: Mapping[str, Quirks] = field(default_factory=dict)
    #: The hub's versions URL and the token A that it gave us; None: it is done later, or the hub does it.
    hub: tuple[str, str] | None = None
    #: How often the full list of tokens is read anew (TR-33).
    pull_interval: timedelta = timedelta(hours=6)


def read_settings(path: Path) -> CpoSettings:
    """The settings in a TOML file, with the tables `node`, `tariffs`, `locations`, `hub`, `cpo` and more.

    Args:
        path: The file. A relative `database` in it starts at its folder.

    Raises:
        SettingsWrong: It cannot be read, is no TOML, or something in it is wrong.
    """
    return settings(read_toml(path), path.parent, USUAL_PORTS)


def settings(told: Mapping[str, Any], folder: Path = Path(), ports: Ports = FREE_PORTS) -> CpoSettings:
    """The settings in these tables.

    Raises:
        SettingsWrong: Something in them is wrong.
    """
    wrong = unknown_tables(told, _TABLES)
    node = node_settings(told, folder, {"port": ports.port, "admin_port": ports.admin_port}, wrong)
    own = {"ocpp_port": ports.ocpp_port, **table_settings(told, "cpo", _OWN, wrong)}
    pace = {name: own.pop(f"pace_{name}") for name in ("time", "energy") if f"pace_{name}" in own}
    hub, health = hub_settings(told, wrong), Thresholds(**table_settings(told, "health", HEALTH, wrong))
    secured = table_settings(told, "security", SECURITY, wrong)
    security = security_settings(secured, folder, is_local=own.get("ocpp_host", LOOPBACK) in _THIS_MACHINE)
    try:
        onboarding = onboarding_settings(table_settings(told, "onboarding", ONBOARDING, wrong), folder)
        configured = configuration(told)
    except SettingsWrong as refused:
        raise SettingsWrong([*wrong, *refused.wrong]) from refused
    sites = site_settings(told, configured, folder, wrong)
    odd = quirks(told, configured, wrong)
    if wrong or node is None:
        raise SettingsWrong(wrong)
    return CpoSettings(
        node=node,
        configuration=configured,
        hub=hub,
        pace=Pace(**pace),
        health=health,
        security=security,
        onboarding=onboarding,
        sites=sites,
        quirks=odd,
        **own,
    )


def _preparing(value: Any) -> Status | None:
    return Status(value) if value in {Status.CHARGING, Status.AVAILABLE, Status.BLOCKED} else None


#: Hosts on which nobody from elsewhere can connect.
_THIS_MACHINE: Final = frozenset({LOOPBACK, "localhost", "::1"})
_TABLES: Final = (
    "node",
    "cpo",
    "health",
    "security",
    "onboarding",
    "hub",
    "tariffs",
    "locations",
    "sites",
    "chargers",
)
#: Keys of the table `cpo`.
_OWN: Final[Mapping[str, Setting]] = {
    "ocpp_host": Setting("ocpp_host", TEXT),
    "ocpp_port": Setting("ocpp_port", configuration_file.PORT),
    "offline_grace_seconds": Setting("offline_grace", SECONDS),
    "preparing_as": Setting("preparing", Kind(_preparing, "one of CHARGING, AVAILABLE, BLOCKED")),
    "blocked_after_seconds": Setting("blocked_after", SECONDS),
    "authorize_within_seconds": Setting("authorize_within", SOME_SECONDS),
    "longest_period_seconds": Setting("longest_period", SOME_SECONDS),
    "trust_clock_seconds": Setting("trust_clock", SOME_SECONDS),
    "local_lists": Setting("local_lists", FLAG),
    "start_within_seconds": Setting("start_within", SOME_SECONDS),
    "free_for_seconds": Setting("free_for", SOME_SECONDS),
    "silent_for_seconds": Setting("silent_for", SOME_SECONDS),
    "bill_until_unplug": Setting("bill_until_unplug", FLAG),
    "unplug_within_seconds": Setting("unplug_within", SOME_SECONDS),
    "profile_pause_seconds": Setting("profile_pause", SECONDS),
    "settle_seconds": Setting("settle", SECONDS),
    "pull_interval_seconds": Setting("pull_interval", SOME_SECONDS),
    "tell_every_seconds": Setting("pace_time", SECONDS),
    "tell_every_kwh": Setting("pace_energy", ENERGY),
}
