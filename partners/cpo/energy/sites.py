"""All sites of the CPO whose power is shared."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.ocpi.timestamps import Clock
from partners.cpo.charging.charging_events import ChargingEvents
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.energy.claims import Strategy
from partners.cpo.energy.observer import Observer
from partners.cpo.energy.settings import SiteSettings
from partners.cpo.energy.steering import Steering, Surroundings
from partners.cpo.energy.wishes import Wishes
from partners.cpo.profiles.profile_book import ProfileBook
from partners.cpo.profiles.profile_calls import Asking
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.database import Database
from schemas.v2_2_1 import ChargingPreferences, ChargingProfile


@dataclass(slots=True)
class Sites:
    """The sites, and who is told of them."""

    settings: Sequence[SiteSettings]
    database: Database
    charging_log: ChargingLog
    clock: Clock
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    all: list[Steering] = field(default_factory=list)
    _wishes: Wishes = field(init=False)

    def __post_init__(self) -> None:
        self._wishes = Wishes(self.database)

    def watching(self, inner: ChargingEvents) -> ChargingEvents:
        """The events around these, if there is a site at all."""
        return Observer(inner, self.of) if self.settings else inner

    def begin(
        self, charge_points: Asking, book: ProfileBook, changed: Callable[[Charging], Awaitable[None]]
    ) -> None:
        """Know all that is needed; before this nobody is steered."""
        around = Surroundings(
            self.database,
            charge_points,
            self.charging_log,
            book,
            self._wishes,
            self.clock,
            self.spawn,
            changed,
        )
        self.all = [Steering(each, around) for each in self.settings]

    def of(self, charge_point: str) -> Steering | None:
        """The site of a charge point."""
        return next((each for each in self.all if each.has(charge_point)), None)

    async def steer(self, charging: Charging, profiles: Sequence[ChargingProfile]) -> RemoteOutcome | None:
        """Keep a transaction within these profiles, too; None: it is at no site of ours.

        Raises:
            CannotFollow: The charger cannot.
        """
        site = self.of(charging.plug.charge_point)
        return None if site is None else await site.follow(charging, profiles)

    def plan_by(self, charging: Charging, told: ChargingPreferences) -> bool:
        """Note what a driver told; whether the site divides by that."""
        site = self.of(charging.plug.charge_point)
        if site is None or site.settings.rules.strategy is not Strategy.DEPARTURE:
            return False
        self._wishes.put(charging.id, told, site.register_wh(charging.id))
        site.touch()
        return True

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            for each in self.all:
                group.create_task(each.run())
