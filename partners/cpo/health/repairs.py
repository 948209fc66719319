"""Doing one step of the ladder at a charger, in whatever version of OCPP it speaks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from partners.cpo.configuration import Plug
from partners.cpo.health.alerts import Key
from partners.cpo.health.charger_log import WHOLE
from partners.cpo.health.ladder import TRIGGERED, Step
from partners.cpo.stations.remote_outcome import RemoteOutcome

#: In use again, or it will never be by asking: there is nothing to repeat.
_SETTLED: Final = frozenset({RemoteOutcome.ACCEPTED, RemoteOutcome.NOT_SUPPORTED, RemoteOutcome.REJECTED})


class ChargePoints(Protocol):
    """The calls that repairs need."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link to this charge point now."""

    async def trigger(
        self, charge_point: str, message: str, connector_id: int | None = None
    ) -> RemoteOutcome:
        """Ask it to send a message now."""

    async def change_availability(
        self, charge_point: str, connector_id: int, *, operative: bool
    ) -> RemoteOutcome:
        """Take a connector out of use, or back."""

    async def unlock(self, charge_point: str, connector_id: int) -> RemoteOutcome:
        """Let go of the cable."""

    async def reset(self, charge_point: str, *, hard: bool = False) -> RemoteOutcome:
        """Start anew."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """The steps."""

    charge_points: ChargePoints
    #: Whether somebody charges there, or is about to: asked again before each call.
    has_driver: Callable[[str], bool]
    #: Between out of use and in use again.
    pause: timedelta

    async def do(self, step: Step, about: Key) -> RemoteOutcome | None:
        """Do a step; None: it was not begun, since a driver has come."""
        plug, to = about.plug, self.charge_points
        if self.has_driver(plug.charge_point):
            return None
        match step:
            case Step.TRIGGER:
                connector = plug.number if plug.number != WHOLE else None
                message = TRIGGERED[about.rule]
                return await to.trigger(
                    plug.charge_point, message, None if message == "Heartbeat" else connector
                )
            case Step.AVAILABILITY:
                return await self._off_and_on(plug)
            case Step.UNLOCK:
                return await to.unlock(plug.charge_point, plug.number)
            case Step.SOFT_RESET | Step.HARD_RESET:
                return await to.reset(plug.charge_point, hard=step is Step.HARD_RESET)
            case Step.HUMAN:
                raise ValueError(step)

    async def put_back(self, plug: Plug) -> bool:
        """Take a connector into use again, after an off that may have had no on; whether that is settled."""
        if not self.charge_points.is_connected(plug.charge_point):
            return False
        outcome = await self.charge_points.change_availability(*plug, operative=True)
        return outcome in _SETTLED

    async def _off_and_on(self, plug: Plug) -> RemoteOutcome:
        """Whatever becomes of the off, it must not stay so; an unanswered on is owed (`put_back`)."""
        off = await self.charge_points.change_availability(*plug, operative=False)
        if off is RemoteOutcome.ACCEPTED:
            await asyncio.sleep(self.pause.total_seconds())
        elif off in _SETTLED:
            return off
        on = await self.charge_points.change_availability(*plug, operative=True)
        if on not in _SETTLED:
            raise NotPutBack(on)
        return off if off is not RemoteOutcome.ACCEPTED else on


class NotPutBack(Exception):
    """A connector was taken out of use, and may still be."""
