"""A session priced live ends at its CDR's price, whatever the meter and the tariffs are like.

The far end keeps what it was told as OCPI says, PUT and PATCH; what it has then is held against the CDR.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hub.ocpi.patching import patched
from hub.pricing import PricedRecord, ocpi_price, price_cdr
from partners.cpo.billing.bookkeeping import Bookkeeping
from partners.cpo.billing.contracts import Contract, Contracts
from partners.cpo.billing.costs import TariffFrom
from partners.cpo.billing.outbox import Outbox
from partners.cpo.billing.sessions import Pace, session_patch
from partners.cpo.charging.charging_events import AuthorizationStatus, ConnectorStatus, StartedTransaction
from partners.cpo.charging.charging_log import Charging, ChargingLog
from partners.cpo.charging.meter_values import MeterSample
from partners.cpo.charging.metering import StateChange
from partners.cpo.configuration import Place
from partners.database import Database
from schemas.v2_2_1 import CDR, AuthMethod, CdrToken, Location, Session, Tariff
from tests.fixtures.samples import cdr_token, location
from tests.unit.pricing.in_few_words import MONDAY, element, energy, flat, parking, tariff, time
from tests.unit.pricing.random_sessions import STARTS, ZONES, tariffs

MINUTE = timedelta(minutes=1)
SAYS = {True: ConnectorStatus.CHARGING, False: ConnectorStatus.SUSPENDED_EV}


@dataclass
class FarEnd:
    """An eMSP that does with PUT and PATCH what OCPI says."""

    has: dict[str, Any] | None = None
    #: Each message as it came: a PUT whole, a PATCH with what it gave.
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def put(self, value: dict[str, Any]) -> None:
        self.has = value
        self.told.append(("PUT", value))

    def patch(self, value: dict[str, Any]) -> None:
        assert self.has is not None
        self.has = patched(self.has, value)
        self.told.append(("PATCH", value))


class Live:
    """The books of a CPO with one transaction under way, and the eMSP that hears of it."""

    def __init__(
        self, start: datetime, offered: tuple[Tariff, ...], zone: str, reserved: timedelta | None
    ) -> None:
        self.at = start
        ids = map(str, count(1))
        database = Database()
        self.log, self.contracts, self.outbox = ChargingLog(database), Contracts(database), Outbox(database)
        # Every change is news, unless the test leaves it for later.
        pace = Pace(timedelta(), Decimal(0))
        self.books = Bookkeeping(
            self.log, self.contracts, self.outbox, lambda: self.at, lambda: next(ids), pace, 15 * MINUTE
        )
        self.far_end = FarEnd()
        self.register = Decimal(1_234_567)
        begun = StartedTransaction("CP1", 1, "TAG", self.register, start)
        self.charging: Charging = self.log.start(begun, AuthorizationStatus.ACCEPTED)
        self.contract = Contract(
            session_id="S1",
            token=CdrToken.model_validate(cdr_token()),
            auth_method=AuthMethod.WHITELIST,
            authorization_reference=None,
            location=Location.model_validate(location(time_zone=zone)),
            place=Place("LOC1", "E1", "1"),
            tariff=offered[0],
            meter_id=None,
            reserved=None if reserved is None else (start - reserved).replace(microsecond=0),
        )
        self.contracts.put(self.charging.id, self.contract)
        self.books.enter(self.charging)

    def sampled(self, watts: int, *, behind: timedelta = timedelta()) -> None:
        """The charge point tells of its meter, perhaps of a moment that is past."""
        sample = MeterSample(
            at=self.at - behind,
            energy_wh=self.register,
            power_w=Decimal(watts),
            current_a=Decimal(watts) / 230,
        )
        self.log.measured(self.charging, [sample])
        self.books.enter(self.charging)

    def says(self, status: ConnectorStatus) -> None:
        """The connector changes its state."""
        self.log.changed_state(self.charging, StateChange(self.at, status))
        self.books.enter(self.charging)

    def prefers(self, chosen: Tariff) -> None:
        """From now on another tariff holds, as the driver wished."""
        later = TariffFrom(self.at.replace(microsecond=0), chosen)
        self.contract = replace(self.contract, chosen=(*self.contract.chosen, later))
        self.contracts.change(self.charging.id, self.contract)
        self.books.enter(self.charging)

    def passes(self, seconds: int, watts: int) -> None:
        """Time, in which energy flows."""
        self.at += timedelta(seconds=seconds)
        self.register += Decimal(watts * seconds // 3600)

    def ends(self) -> None:
        """The driver unplugs."""
        self.charging = self.log.stop(self.charging, self.at, self.register, "Local")
        self.books.enter(self.charging)

    def tells(self) -> None:
        """What the eMSP should hear of it hears: the newest state, by PATCH if that can say it."""
        for owed in self.outbox.owed_sessions(self.contract.emsp):
            patch = None if owed.taken is None else session_patch(owed.taken, owed.current)
            if patch is None:
                self.far_end.put(owed.current)
            else:
                self.far_end.patch(patch)
            self.outbox.session_taken(owed, self.at)

    @property
    def cdr(self) -> CDR | None:
        """The CDR, if there is one."""
        stored = self.outbox.cdr_of("S1")
        return None if stored is None else CDR.model_validate(stored.current)

    @property
    def told(self) -> Session:
        """What the eMSP has of the Session."""
        return Session.model_validate(self.far_end.has)


@st.composite
def lives(draw: st.DrawFn) -> Live:
    """A session from plug to unplug, told in any number of messages."""
    offered = [draw(tariffs(everything=True)) for _ in range(draw(st.integers(1, 2)))]
    ids = [each.model_copy(update={"id": f"T{number}"}) for number, each in enumerate(offered)]
    reserved = draw(st.none() | st.integers(1, 40).map(lambda minutes: minutes * MINUTE))
    start = draw(st.sampled_from(STARTS)) + draw(st.integers(0, 3_600_000)) * timedelta(milliseconds=1)
    live = Live(start, tuple(ids), draw(st.sampled_from(ZONES)), reserved)
    tells = st.booleans()
    if draw(tells):
        live.tells()
    for _ in range(draw(st.integers(0, 8))):
        watts = draw(st.sampled_from([0, 0, 3_700, 11_000, 22_000]))
        match draw(st.sampled_from(["sample", "sample", "sample", "late sample", "state", "wish"])):
            case "sample":
                live.sampled(watts)
            case "late sample":
                live.sampled(watts, behind=timedelta(seconds=draw(st.integers(0, 400))))
            case "state":
                live.says(SAYS[watts > 0])
            case "wish":
                live.prefers(draw(st.sampled_from(ids)))
        if draw(tells):
            live.tells()
        live.passes(draw(st.sampled_from([0, 1, 17, 60, 300, 901, 3600])), watts)
    live.sampled(0)
    live.ends()
    live.tells()
    return live


@pytest.mark.holds("SES-04", "SES-05", "CDR-10", "CDR-12", by="cpo")
@settings(max_examples=40, deadline=None)
@given(live=lives())
def test_what_the_emsp_has_in_the_end_is_what_the_cdr_says(live: Live) -> None:
    told, cdr = live.told, live.cdr
    event("a CDR" if cdr else "no CDR")
    assert told.status == "COMPLETED"
    if cdr is None:
        assert told.total_cost is None or told.total_cost.excl_vat == 0
        return
    assert told.total_cost == cdr.total_cost
    assert told.charging_periods == cdr.charging_periods
    assert told.kwh == cdr.total_energy
    assert told.end_date_time == cdr.end_date_time
    again = price_cdr(PricedRecord.model_validate(cdr.to_wire()), time_zone=live.contract.location.time_zone)
    assert ocpi_price(again.total_cost) == cdr.total_cost


@settings(max_examples=20, deadline=None)
@given(live=lives())
def test_the_running_cost_is_in_every_message_as_soon_as_there_is_one(live: Live) -> None:
    has_cost = False
    for method, value in live.far_end.told:
        assert "total_cost" in value or method == "PUT" or not has_cost
        has_cost = "total_cost" in value


PER_HOUR = tariff(
    element(flat("0.50"), energy("0.30", "21", 500), time("1.20", "21", 60), parking("3", "9", 300))
)


def live(one: Tariff = PER_HOUR, *, reserved: timedelta | None = None, zone: str = "UTC") -> Live:
    return Live(MONDAY, (one,), zone, reserved)


def charges(one: Live, minutes: int = 60, watts: int = 6_000) -> None:
    one.sampled(watts)
    one.passes(minutes * 60, watts)
    one.sampled(watts)
    one.tells()


def parks(one: Live, minutes: int) -> None:
    one.says(ConnectorStatus.SUSPENDED_EV)
    one.passes(minutes * 60, 0)
    one.sampled(0)
    one.tells()


def costs(one: Live) -> list[Decimal]:
    return [value["total_cost"]["excl_vat"] for _, value in one.far_end.told if "total_cost" in value]


def test_a_patch_has_the_running_cost_even_if_it_has_not_changed() -> None:
    one = live(tariff(element(energy("0.30"))))
    charges(one)
    parks(one, 20)
    parks(one, 20)
    assert [method for method, _ in one.far_end.told] == ["PUT", "PATCH", "PATCH"]
    assert costs(one) == [Decimal("1.8")] * 3


def test_a_minimum_holds_from_the_first_word_and_a_maximum_to_the_last() -> None:
    """The running cost is what it would cost if it ended now; so nothing jumps at the end."""
    bounds = {"min_price": {"excl_vat": Decimal(1)}, "max_price": {"excl_vat": Decimal(3)}}
    one = live(tariff(element(energy("0.30")), **bounds))
    for _ in range(4):
        charges(one, 30)
    one.ends()
    one.tells()
    assert costs(one) == [1, Decimal("1.8"), Decimal("2.7"), 3, 3]
    assert one.cdr is not None
    assert one.cdr.total_cost.excl_vat == 3


def test_a_step_that_was_begun_is_in_the_running_cost_until_another_price_follows() -> None:
    """Charging that parking follows is billed as it was, so the running cost may fall by less than a step."""
    one = live(tariff(element(time("6", step=3600), parking("0.60", step=60))))
    charges(one, 30)
    parks(one, 10)
    one.ends()
    one.tells()
    assert costs(one) == [6, Decimal("3.1"), Decimal("3.1")]
    assert one.cdr is not None
    assert one.cdr.total_cost.excl_vat == Decimal("3.1")


def test_parking_after_the_charging_is_in_running_cost_and_cdr() -> None:
    one = live()
    charges(one)
    parks(one, 30)
    one.ends()
    one.tells()
    assert one.cdr is not None
    assert costs(one) == [Decimal("3.5"), Decimal(5), Decimal(5)]
    assert one.cdr.total_parking_cost is not None
    assert one.cdr.total_parking_cost.excl_vat == Decimal("1.5")
    assert one.told.total_cost == one.cdr.total_cost


def test_a_reservation_before_the_session_is_in_both() -> None:
    kept = tariff(element(time("6"), reservation="RESERVATION"), element(energy("0.30")))
    one = live(kept, reserved=30 * MINUTE)
    charges(one)
    one.ends()
    one.tells()
    assert one.cdr is not None
    assert costs(one)[0] == Decimal("4.8")
    assert one.told.total_cost == one.cdr.total_cost
    assert one.cdr.total_reservation_cost is not None
    assert one.cdr.total_reservation_cost.excl_vat == 3


def test_a_reserved_place_that_was_left_at_once_is_billed_all_the_same() -> None:
    kept = tariff(element(time("6"), reservation="RESERVATION"), element(energy("0.30")))
    one = live(kept, reserved=30 * MINUTE)
    one.passes(20, 0)
    one.ends()
    one.tells()
    assert one.cdr is not None
    assert one.told.total_cost == one.cdr.total_cost
    assert one.cdr.total_cost.excl_vat == 3


def test_a_plug_that_was_tried_and_taken_away_ends_free_and_without_a_cdr() -> None:
    """SES-14: no CDR will come, so the last word is 0 and not the fee."""
    one = live()
    one.passes(40, 0)
    one.sampled(0)
    one.tells()
    assert costs(one)[-1] > 0
    one.ends()
    one.tells()
    assert one.cdr is None
    assert costs(one)[-1] == 0


def test_a_session_without_energy_costs_its_time() -> None:
    one = live()
    charges(one, 30, 0)
    one.ends()
    one.tells()
    assert one.cdr is not None
    assert one.cdr.total_energy == 0
    assert one.told.total_cost == one.cdr.total_cost
    assert one.cdr.total_cost.excl_vat == 2  # without power the car parks, by the step: 0.50 + 1.50


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "41"), ("KWD", "0.0417"), ("CLF", "0.00417")])
def test_currencies_with_any_number_of_decimals_end_alike(currency: str, amount: str) -> None:
    one = live(tariff(element(energy(amount)), currency=currency))
    charges(one, 50, 7_000)
    charges(one, 7, 3_000)
    one.ends()
    one.tells()
    assert one.cdr is not None
    assert one.cdr.currency == one.told.currency == currency
    assert one.told.total_cost == one.cdr.total_cost


def test_a_wish_for_another_tariff_counts_from_then_on_in_both() -> None:
    one = live(tariff(element(energy("0.30"))))
    charges(one)
    one.prefers(tariff(element(energy("0.60")), id="FAST"))
    charges(one)
    one.ends()
    one.tells()
    assert one.cdr is not None
    assert [each.id for each in one.cdr.tariffs] == ["T1", "FAST"]
    assert one.told.total_cost == one.cdr.total_cost
    assert one.cdr.total_cost.excl_vat == Decimal("5.4")


def test_what_cannot_be_priced_is_told_without_a_cost_and_never_as_free() -> None:
    """Nothing measures the current that the tariff asks for: no total, no CDR, a line for the operator."""
    by_current = tariff(element(energy("0.30"), min_current=16))
    one = live(by_current)
    one.passes(600, 6_000)
    one.says(ConnectorStatus.CHARGING)
    one.tells()
    one.ends()
    one.tells()
    assert one.cdr is None
    assert one.told.kwh == 1
    assert one.told.total_cost is None
