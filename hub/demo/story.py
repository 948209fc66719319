"""What happens in the demo, step by step; each step says what went wrong if it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Protocol

from hub.demo.cast import APP_USER, LOCATION, OTHER_RFID_TAG, RFID_TAG, Cast
from partners.charger.charge_point import ChargerSimulator
from partners.emsp.app import EmspNode
from partners.emsp.bills import Bill
from schemas.v2_2_1 import CDR, Session, SessionStatus

#: Enough to see meter values and costs come in.
ENERGY_WH = Decimal(3_000)
TWO_COSTS_DIFFER = "the session says {session}, the CDR {cdr}, the bill {bill}"


class StoryFailed(Exception):
    """A step failed; the message says which, and why."""

    def __init__(self, step: "Step", reason: str) -> None:
        super().__init__(f"{step.title}: {reason}")
        self.step = step
        self.reason = reason


class Disagreement(Exception):
    """Two parties do not say the same."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step, and what it leads to in a few words."""

    title: str
    play: Callable[[Cast], Awaitable[str]]


class Audience(Protocol):
    """Who is told how the story goes on."""

    def begins(self, step: Step) -> None:
        """A step begins."""

    def ends(self, step: Step, outcome: str) -> None:
        """A step has led to this."""


async def told(story: Sequence[Step], cast: Cast, audience: Audience) -> None:
    """Play the steps in order.

    Raises:
        StoryFailed: one did not come out as it should.
    """
    for step in story:
        audience.begins(step)
        try:
            outcome = await step.play(cast)
        except TimeoutError as error:
            raise StoryFailed(step, "it did not happen in time") from error
        except Exception as error:
            raise StoryFailed(step, f"{type(error).__name__}: {error}") from error
        audience.ends(step, outcome)


async def _cpo_registers(cast: Cast) -> str:
    invitation = await cast.hub.platforms.invite("charge-ground")
    peer = await cast.cpo.register(cast.hub.versions_url, invitation.token)
    return f"the CPO began; endpoints of the hub known to it: {len(peer.endpoints)}"


async def _emsps_register(cast: Cast) -> str:
    # One with the hub as sender of the handshake, one with the hub as receiver.
    token_a = cast.emsp_a.issue_token_a()
    await cast.hub.registering.register_at("app-drive", cast.emsp_a.versions_url, token_a)
    invitation = await cast.hub.platforms.invite("card-drive")
    await cast.emsp_b.register(cast.hub.versions_url, invitation.token)
    return "the hub registered at AppDrive, CardDrive registered at the hub"


async def _tokens_are_broadcast(cast: Cast) -> str:
    pushed = await cast.emsp_a.push_tokens() + await cast.emsp_b.push_tokens()
    await cast.cpo.until(lambda: len(list(cast.cpo.node.objects.all("tokens"))) == pushed)
    return f"{pushed} tokens sent to the hub, all known to the CPO"


async def _locations_arrive(cast: Cast) -> str:
    await asyncio.gather(*(each.until_connected() for each in cast.chargers))
    await cast.cpo.until_introduced()
    await _both(cast, lambda emsp: [each for each in emsp.locations() if each.id == LOCATION])
    versions = ", ".join(sorted(map(_version, cast.chargers)))
    return f"1 location with 3 EVSEs (OCPP {versions}) and 1 tariff pushed to both eMSPs"


async def _emsp_reads_locations(cast: Cast) -> str:
    pulled = await cast.emsp_a.pull()
    places = cast.emsp_a.locations()
    (place,) = [each for each in places if each.id == LOCATION]
    count = sum(each.kept for each in pulled.values())
    return f"{count} objects read; {place.name}, {place.city}, {len(place.evses)} EVSEs"


async def _drivers_start(cast: Cast) -> str:
    cast.charger_2.plug_in(1)
    cast.charger_3.plug_in(1)
    first, second, started = await asyncio.gather(
        cast.charger_2.tap(1, RFID_TAG),
        cast.charger_3.tap(1, OTHER_RFID_TAG),
        cast.emsp_a.start_session(APP_USER, LOCATION, "evse-1", "1"),
    )
    await _all_in_state(cast, SessionStatus.ACTIVE)
    return (
        f"START_SESSION {started.outcome.result} (OCPP {_version(cast.charger_1)});"
        f" RFID cards {first} ({_version(cast.charger_2)}), {second} ({_version(cast.charger_3)});"
        " three sessions ACTIVE"
    )


async def _cars_charge(cast: Cast) -> str:
    await asyncio.gather(*(charger.until_energy(1, ENERGY_WH) for charger in cast.chargers))
    await _both(cast, lambda emsp: all(each.kwh > 1 for each in emsp.sessions()))
    (app,), cards = cast.emsp_a.sessions(), cast.emsp_b.sessions()
    seen = " and ".join(f"{each.kwh} kWh, {_cost(each)}" for each in cards)
    return f"AppDrive sees {app.kwh} kWh, {_cost(app)}; CardDrive {seen}"


async def _drivers_stop(cast: Cast) -> str:
    (session,) = cast.emsp_a.sessions()
    stopped, *_ = await asyncio.gather(
        cast.emsp_a.stop_session(session.id),
        cast.charger_2.tap(1, RFID_TAG),
        cast.charger_3.tap(1, OTHER_RFID_TAG),
    )
    for charger in cast.chargers:
        charger.unplug(1)
    await _all_in_state(cast, SessionStatus.COMPLETED)
    return f"STOP_SESSION {stopped.result}; three sessions COMPLETED"


async def _bills_agree(cast: Cast) -> str:
    await _both(cast, lambda emsp: len(emsp.cdrs()) == len(emsp.sessions()))
    app, card = _agreed_total(cast.emsp_a), _agreed_total(cast.emsp_b)
    return f"session, CDR and bill agree to the cent: AppDrive {app}, CardDrive {card}"


def _version(charger: ChargerSimulator) -> str:
    return charger.settings.version


async def _both(cast: Cast, is_true: Callable[[EmspNode], object]) -> None:
    """Wait until something is true of both eMSPs."""
    for emsp in (cast.emsp_a, cast.emsp_b):
        await emsp.until(partial(is_true, emsp))


def _agreed_total(emsp: EmspNode) -> str:
    """What the drivers of an eMSP pay, of whose sessions, CDRs and bills no two differ."""
    cdrs = {each.session_id: each for each in emsp.cdrs()}
    bills = {each.session_id: each for each in emsp.bills()}
    for session in emsp.sessions():
        _agree(session, cdrs[session.id], bills[session.id])
    (currency,) = {each.currency for each in bills.values()}
    return f"{sum(each.total for each in bills.values()):.2f} {currency}"


def _agree(session: Session, cdr: CDR, bill: Bill) -> None:
    said = session.total_cost
    same = (
        said is not None
        and (said.excl_vat, said.incl_vat) == (cdr.total_cost.excl_vat, cdr.total_cost.incl_vat)
        and bill.agrees
        and not bill.is_disputed
        and (session.kwh, cdr.session_id) == (cdr.total_energy, session.id)
    )
    if not same:
        raise Disagreement(
            TWO_COSTS_DIFFER.format(session=said, cdr=cdr.total_cost, bill=(bill.total, *bill.remarks))
        )


async def _all_in_state(cast: Cast, status: SessionStatus) -> None:
    """Wait until the app driver has one session in this state, and the drivers with cards have two."""
    for emsp, count in ((cast.emsp_a, 1), (cast.emsp_b, 2)):
        await emsp.until(partial(_has_in_state, emsp, status, count))


def _has_in_state(emsp: EmspNode, status: SessionStatus, count: int) -> bool:
    return sum(session.status == status for session in emsp.sessions()) == count


def _cost(session: Session) -> str:
    cost = session.total_cost
    return "no cost yet" if cost is None else f"{cost.incl_vat or cost.excl_vat:.2f} {session.currency}"


STORY = (
    # A newcomer hears of what comes after it, and pulls what was there: these wait for the CPO.
    Step("Two eMSPs join", _emsps_register),
    Step("The CPO registers at the hub", _cpo_registers),
    Step("Locations and tariffs are broadcast", _locations_arrive),
    Step("Tokens are broadcast", _tokens_are_broadcast),
    Step("An eMSP queries locations through the hub", _emsp_reads_locations),
    Step("Three drivers start: one by app, two by RFID card", _drivers_start),
    Step("All cars charge, the eMSPs watch", _cars_charge),
    Step("All drivers stop", _drivers_stop),
    Step("CDRs arrive, bills are made", _bills_agree),
)
