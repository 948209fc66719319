"""What there is for the chargers of a site, now and later: the connection, the inputs, the meter. Pure.

| what happens | what the chargers may draw |
|---|---|
| all is well | the connection or the limit of the hour, less what others draw, and what a battery gives |
| the meter is silent, or says what cannot be | at most the safe limit: it counts as an overload |
| the limit of the hour has expired, or was never read | at most the safe limit |
| a battery's state has expired | as if there were none |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from partners.cpo.energy.planning import Outlook
from partners.cpo.energy.settings import SiteSettings
from partners.cpo.energy.steps import Steps, steps
from partners.cpo.energy.wires import NOTHING, Load

_HORIZON = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the world outside; None: nothing that is to be trusted."""

    limit: Steps[Load] | None = None
    prices: Steps[Decimal] | None = None
    solar: Steps[Decimal] | None = None
    battery: Steps[Decimal] | None = None
    #: What flows through the connection.
    meter: Load | None = None


def others(meter: Load, chargers: Load, *, includes_chargers: bool) -> Load:
    """What all others draw; what flows back into the grid is not counted on."""
    drawn = meter.minus(chargers) if includes_chargers else meter
    return Load.of_phases(max(each, NOTHING) for each in drawn.phases)


def outlook(settings: SiteSettings, known: Known, chargers: Load, now: datetime) -> Outlook:
    """What there is for the chargers.

    Args:
        settings: Of the site.
        known: What was read.
        chargers: What the chargers were measured to draw.
        now: The instant.
    """
    sources = settings.sources
    battery = None if known.battery is None else known.battery.at(now)
    given = settings.grid.plus(Load.of_watt(battery or NOTHING))
    if known.meter is not None:
        includes = sources["meter"].includes_chargers
        given = given.minus(others(known.meter, chargers, includes_chargers=includes))
    is_safe = known.meter is None and "meter" in sources
    limit: Steps[Load] = known.limit or Steps()

    def room(at: datetime) -> Load:
        told = limit.at(at)
        room = given if told is None else given.minus(settings.grid).plus(settings.grid.lower(told))
        is_unknown = told is None and "limit" in sources
        return room.lower(settings.safe) if is_safe or is_unknown else room

    # Who asks may have looked at the clock a moment before.
    changes = ((at, room(at)) for at in limit.changes(now, now + _HORIZON))
    supply = steps([(now - _HORIZON, room(now)), *changes])
    return Outlook(supply, known.prices or Steps(), known.solar or Steps())


def alarms(settings: SiteSettings, problems: Mapping[str, str]) -> list[str]:
    """What is not to be trusted, in words."""
    return [f"{kind}: {problems[kind]}" for kind in settings.sources if kind in problems]
