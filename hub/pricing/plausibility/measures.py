"""What the rules measure with, with its units, and how grave each is: part of the hub's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from hub.pricing.plausibility.values import Severity


@dataclass(frozen=True, slots=True)
class Plausibility:
    """How far a CDR may be off before a rule says so. A value that is reached is still right."""

    #: How far clocks may disagree: an end may lie so far ahead.
    clocks: timedelta = timedelta(minutes=5)
    #: How long after the end a CDR may come.
    oldest: timedelta = timedelta(days=90)
    #: The power of the strongest chargers, in kW, where nothing is known of the connector.
    strongest: Decimal = Decimal(1_000)
    #: Somebody who charges nothing for longer is odd.
    idle: timedelta = timedelta(hours=24)
    #: Energy against the connector's greatest power over the whole time: notable, and not to be believed.
    power_note: Decimal = Decimal("1.05")
    power_hold: Decimal = Decimal("1.20")
    #: kWh that nobody charges in one session.
    most_energy: Decimal = Decimal(1_000)
    #: kWh by which the periods, and the session, may differ from the total.
    energy: Decimal = Decimal("0.01")
    #: By which total_time may differ from the times.
    time: timedelta = timedelta(seconds=36)
    #: By which the session's start and end may differ from the CDR's.
    session: timedelta = timedelta(minutes=1)
    #: Money, in the CDR's currency: each total of a kind, and the total of all.
    line: Decimal = Decimal("0.01")
    total: Decimal = Decimal("0.02")
    #: A tariff that was replaced so shortly before the start may still be the one that was shown.
    tariff: timedelta = timedelta(minutes=5)
    #: Per cent; no country has more VAT on electricity.
    most_vat: Decimal = Decimal(30)
    #: By which two sessions on one EVSE may overlap.
    overlap: timedelta = timedelta(minutes=1)
    #: km that are not far: the same street.
    near: Decimal = Decimal(2)
    #: km/h: nobody drives faster from one charger to the next.
    fastest: Decimal = Decimal(200)
    #: How grave a rule is, by its id, where that is not what the table of rules says; None: it is not asked.
    severities: Mapping[str, Severity | None] = field(default_factory=dict)
