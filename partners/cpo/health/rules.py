"""The rules of health, each a small pure function: is it ill, well, or is nothing known?

| rule                   | ill when                                    | well again by                      |
|------------------------|---------------------------------------------|------------------------------------|
| offline                | no link for `offline_after`                 | it has a link                      |
| no heartbeat           | a link, and no message for `silent_after`   | a message                          |
| faulted                | a connector, or all of it, is Faulted       | another status                     |
| alarm                  | an error code, and it is not Faulted         | NoError                            |
| alarm (2.x)            | a component says that something is wrong     | it says that this is over          |
| stuck                  | Preparing or Finishing for long, no session | another status, or a session       |
| session without energy | Charging, and its register stands still     | a register that grows in a session |
| energy without session | its register grew, and no session came      | a register that stands still       |
| authorization failures | `refusals` cards in a row                   | a card that is accepted            |
| signature failure      | a signature is wrong                        | one that is right                  |

Where nothing is known (no link, out of use, no session to look at) an alert stays as it is: time alone heals
nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple

from partners.cpo.charging.charging_events import ConnectorStatus
from partners.cpo.health.alarms import Standing
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.health.vitals import NO_ERROR, Link, Vitals


class Rule(StrEnum):
    """What can be wrong."""

    OFFLINE = "offline"
    SILENT = "no heartbeat"
    FAULTED = "faulted"
    ALARM = "alarm"
    STUCK = "stuck"
    NO_ENERGY = "session without energy"
    UNMETERED = "energy without session"
    REFUSALS = "authorization failures"
    SIGNATURE = "signature failure"


class Health(Enum):
    """What else a rule can find."""

    WELL = auto()
    UNKNOWN = auto()


class Ill(NamedTuple):
    """It is ill."""

    since: datetime
    why: str


Judgement = Ill | Health
Judge = Callable[[Vitals, Thresholds, datetime], Judgement]


def offline(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """No link."""
    since = vitals.link.away_since
    if since is None:
        return Health.WELL
    if now - since < thresholds.offline_after:
        return Health.UNKNOWN
    return Ill(since, f"no link since {since:%Y-%m-%d %H:%M:%S} UTC")


def silent(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """A link over which nothing comes."""
    heard = vitals.link.heard_at
    if not vitals.link.is_up or heard is None:
        return Health.UNKNOWN
    if now - heard < thresholds.silent_after:
        return Health.WELL
    return Ill(heard, f"connected, and said nothing since {heard:%Y-%m-%d %H:%M:%S} UTC")


def faulted(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """It says so itself."""
    if vitals.status is None or vitals.status_since is None:
        return Health.UNKNOWN
    if vitals.status is not ConnectorStatus.FAULTED:
        is_proof = vitals.link.is_up and vitals.status is not ConnectorStatus.UNAVAILABLE
        return Health.WELL if is_proof else Health.UNKNOWN
    if now - vitals.status_since < thresholds.faulted_after:
        return Health.UNKNOWN
    return Ill(vitals.status_since, f"Faulted: {vitals.error_code or 'no error code'}")


def alarm(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """It says that something is wrong, and goes on (OCPP 1.6, ChargePointErrorCode)."""
    code, since = vitals.error_code, vitals.error_since
    if vitals.status in {None, ConnectorStatus.FAULTED} or not vitals.link.is_up:
        return Health.UNKNOWN
    if code in {None, NO_ERROR} or since is None:
        return Health.WELL
    if now - since < thresholds.alarm_after:
        return Health.UNKNOWN
    return Ill(since, f"{vitals.status}, with the error code {code}")


def component_alarm(
    about: str, standing: Standing | None, link: Link, thresholds: Thresholds, now: datetime
) -> Judgement:
    """The same in 2.x, of one variable of a component (2.0.1, N07, NotifyEvent); None: it said it is over."""
    if standing is None:
        return Health.WELL
    if not link.is_up or now - standing.since < thresholds.alarm_after:
        return Health.UNKNOWN
    return Ill(standing.since, f"{about}: {standing.told}")


def stuck(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """Between two sessions, and never getting on."""
    if vitals.status_since is None or not vitals.link.is_up:
        return Health.UNKNOWN
    if vitals.status in {None, ConnectorStatus.UNAVAILABLE}:
        return Health.UNKNOWN
    patience = _stuck_after(vitals.status, thresholds)
    if patience is None or vitals.session_since is not None:
        return Health.WELL
    if now - vitals.status_since < patience:
        return Health.UNKNOWN
    return Ill(vitals.status_since, f"{vitals.status} without a session")


def no_energy(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:  # noqa: ARG001 a rule
    """It says that it charges, and tells a register that stands still."""
    measured, grew, since = vitals.measured_at, vitals.grew_at, vitals.charging_since
    if vitals.session_since is None or measured is None or since is None or grew is None:
        return Health.UNKNOWN
    if measured == grew and measured > since:
        return Health.WELL
    still = max(grew, since)
    if measured - still < thresholds.no_energy_after:
        return Health.UNKNOWN
    return Ill(still, "it says Charging, and its register stands still")


def unmetered(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """Energy flows, and nobody is known to charge."""
    since, idle = vitals.unmetered_since, vitals.idle_since
    if since is None or (idle is not None and idle > since):
        return Health.UNKNOWN if idle is None else Health.WELL
    if now - since < thresholds.unmetered_after:
        return Health.UNKNOWN
    return Ill(since, f"{vitals.unmetered_wh / 1000} kWh flowed without a session")


def refusals(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:
    """Nobody gets in."""
    link = vitals.link
    recent = [at for at in link.refused_at if now - at < thresholds.refusals_within]
    if len(recent) >= thresholds.refusals:
        return Ill(recent[0], f"{len(recent)} cards refused in a row")
    return Health.WELL if link.accepted_at is not None and not link.refused_at else Health.UNKNOWN


def signature(vitals: Vitals, thresholds: Thresholds, now: datetime) -> Judgement:  # noqa: ARG001 a rule
    """What it signed is not what it said."""
    bad, good = vitals.bad_signature_at, vitals.good_signature_at
    if bad is not None and (good is None or good < bad):
        return Ill(bad, "a signature failed")
    return Health.UNKNOWN if good is None else Health.WELL


def _stuck_after(status: ConnectorStatus | None, thresholds: Thresholds) -> timedelta | None:
    if status is ConnectorStatus.PREPARING:
        return thresholds.stuck_preparing_after
    return thresholds.stuck_finishing_after if status is ConnectorStatus.FINISHING else None


class Scope(Enum):
    """Of what a rule speaks."""

    CHARGER = auto()
    CONNECTORS = auto()
    BOTH = auto()


class Description(NamedTuple):
    """One line of the table."""

    judge: Judge
    scope: Scope


RULES: Final[Mapping[Rule, Description]] = {
    Rule.OFFLINE: Description(offline, Scope.CHARGER),
    Rule.SILENT: Description(silent, Scope.CHARGER),
    Rule.FAULTED: Description(faulted, Scope.BOTH),
    Rule.ALARM: Description(alarm, Scope.BOTH),
    Rule.STUCK: Description(stuck, Scope.CONNECTORS),
    Rule.NO_ENERGY: Description(no_energy, Scope.CONNECTORS),
    Rule.UNMETERED: Description(unmetered, Scope.CONNECTORS),
    Rule.REFUSALS: Description(refusals, Scope.CHARGER),
    Rule.SIGNATURE: Description(signature, Scope.BOTH),
}
