"""When a charger counts as ill, how patient repairs are, and whom to tell: the table `[health]`."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from partners.configuration_file import (
    COUNT,
    ENERGY,
    FLAG,
    SECONDS,
    SOME_DAYS,
    SOME_SECONDS,
    TEXT,
    URL,
    Setting,
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All of them, with their defaults."""

    #: No link for so long: offline.
    offline_after: timedelta = timedelta(minutes=5)
    #: Connected, and not one message for so long: no heartbeat. Three of the usual intervals.
    silent_after: timedelta = timedelta(minutes=15)
    faulted_after: timedelta = timedelta(seconds=60)
    #: An error code that a connector tells for so long, though it is not Faulted: an alarm.
    alarm_after: timedelta = timedelta(seconds=60)
    #: Preparing without a session for so long: stuck.
    stuck_preparing_after: timedelta = timedelta(minutes=30)
    #: Cars are left at their cable; only much longer is it the charger.
    stuck_finishing_after: timedelta = timedelta(hours=12)
    #: It says that it charges, and its register has stood still for so long.
    no_energy_after: timedelta = timedelta(minutes=15)
    #: A register may grow by so much without a session, kWh: losses, and the charger's own use.
    unmetered_kwh: Decimal = Decimal("0.1")
    #: What may still come late is waited for so long before energy counts as being without a session.
    unmetered_after: timedelta = timedelta(minutes=15)
    #: So many refused cards without an accepted one in between …
    refusals: int = 5
    #: … within so long.
    refusals_within: timedelta = timedelta(hours=1)
    #: A charger must have been well for so long before an alert ends; doubled with each alert of the same
    #: kind within a day (flapping), up to `calm_at_most`.
    calm: timedelta = timedelta(minutes=1)
    calm_at_most: timedelta = timedelta(hours=4)
    #: Whether repairs are tried at all.
    repairs: bool = True
    #: How long a step may take to show an effect before the next one is tried.
    trigger_patience: timedelta = timedelta(seconds=60)
    availability_patience: timedelta = timedelta(minutes=2)
    unlock_patience: timedelta = timedelta(minutes=2)
    soft_reset_patience: timedelta = timedelta(minutes=5)
    hard_reset_patience: timedelta = timedelta(minutes=10)
    #: Between out of use and in use again.
    availability_pause: timedelta = timedelta(seconds=5)
    #: Of both kinds, a charger and 24 hours.
    resets_a_day: int = 3
    #: However far repairs have come, or why they could not be tried: a person is called.
    human_after: timedelta = timedelta(hours=1)
    #: How often all chargers are looked at.
    look_every: timedelta = timedelta(seconds=10)
    #: How long the log of each charger is kept. Uptime needs a year.
    retention: timedelta = timedelta(days=400)
    #: Where alerts are posted; None: nowhere.
    webhook_url: str | None = None
    #: Key of the HMAC in the header X-Signature; None: there is no such header.
    webhook_secret: str | None = None
    #: How long the webhook may take to answer.
    webhook_timeout: timedelta = timedelta(seconds=10)
    #: So many notices wait at most; of more, the oldest are given up.
    webhook_queue: int = 1000


#: Keys of the table `health`.
HEALTH: Final = {
    "offline_after_seconds": Setting("offline_after", SOME_SECONDS),
    "silent_after_seconds": Setting("silent_after", SOME_SECONDS),
    "faulted_after_seconds": Setting("faulted_after", SECONDS),
    "alarm_after_seconds": Setting("alarm_after", SECONDS),
    "stuck_preparing_after_seconds": Setting("stuck_preparing_after", SOME_SECONDS),
    "stuck_finishing_after_seconds": Setting("stuck_finishing_after", SOME_SECONDS),
    "no_energy_after_seconds": Setting("no_energy_after", SOME_SECONDS),
    "unmetered_kwh": Setting("unmetered_kwh", ENERGY),
    "unmetered_after_seconds": Setting("unmetered_after", SECONDS),
    "refusals": Setting("refusals", COUNT),
    "refusals_within_seconds": Setting("refusals_within", SOME_SECONDS),
    "calm_seconds": Setting("calm", SECONDS),
    "calm_at_most_seconds": Setting("calm_at_most", SECONDS),
    "repairs": Setting("repairs", FLAG),
    "trigger_patience_seconds": Setting("trigger_patience", SECONDS),
    "availability_patience_seconds": Setting("availability_patience", SECONDS),
    "unlock_patience_seconds": Setting("unlock_patience", SECONDS),
    "soft_reset_patience_seconds": Setting("soft_reset_patience", SECONDS),
    "hard_reset_patience_seconds": Setting("hard_reset_patience", SECONDS),
    "availability_pause_seconds": Setting("availability_pause", SECONDS),
    "resets_a_day": Setting("resets_a_day", COUNT),
    "human_after_seconds": Setting("human_after", SOME_SECONDS),
    "look_every_seconds": Setting("look_every", SOME_SECONDS),
    "retention_days": Setting("retention", SOME_DAYS),
    "webhook_url": Setting("webhook_url", URL),
    "webhook_secret": Setting("webhook_secret", TEXT),
    "webhook_timeout_seconds": Setting("webhook_timeout", SOME_SECONDS),
    "webhook_queue": Setting("webhook_queue", COUNT),
}
