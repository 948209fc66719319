"""Quotes, running costs and checks of an eMSP: prices as they were published when a session started."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.pricing import CannotBePriced
from partners.emsp.bills import Bill
from partners.emsp.provider import PriceHabits
from tests.fixtures.clocks import Clock
from tests.fixtures.emsp_world import WHENEVER, World, emsp_world
from tests.fixtures.recorder import Answered, Reply
from tests.fixtures.samples import T1, cdr, connector, evse, location, period, session, tariff

DURING = "2026-01-01T10:30:00Z"
OVER = {"status": "COMPLETED", "kwh": Decimal(10), "end_date_time": "2026-01-01T11:30:00Z"}
OF_PRICE = {"price-lines", "price-total", "published-price-lines", "published-price-total", "tariff"}


@pytest.fixture
def clock() -> Clock:
    """An hour before the samples begin."""
    return Clock(at(9))


def at(hours: int, minutes: int = 0) -> datetime:
    """A moment of the day of the samples."""
    return datetime(2026, 1, 1, hours, minutes, tzinfo=UTC)


@pytest.fixture
async def world(clock: Clock) -> AsyncIterator[World]:
    async with emsp_world(clock=clock) as world:
        yield world


def dearer(price: str = "0.45", **changes: Any) -> dict[str, Any]:
    """The sample tariff with another price for energy, changed during the session."""
    components = [
        {"type": "ENERGY", "price": Decimal(price), "vat": Decimal(20), "step_size": 1},
        {"type": "PARKING_TIME", "price": Decimal("2.00"), "vat": Decimal(20), "step_size": 1},
    ]
    return tariff(elements=[{"price_components": components}], **({"last_updated": DURING} | changes))


#: What the sample CDR would ask for by that.
BY_DEARER = {
    "tariffs": [dearer()],
    "total_energy_cost": {"excl_vat": Decimal("4.50"), "incl_vat": Decimal("5.40")},
    "total_cost": {"excl_vat": Decimal("5.50"), "incl_vat": Decimal("6.60")},
}


async def published(world: World, value: dict[str, Any] | None = None) -> None:
    """The CPO tells of its location, and of a tariff that holds since the day before."""
    before = tariff(last_updated="2025-12-31T00:00:00Z")
    there = location(evses=[evse(connectors=[connector(last_updated="2025-12-31T00:00:00Z")])])
    await put(world, "locations", there)
    await put(world, "tariffs", before if value is None else value)


async def put(world: World, module: str, value: dict[str, Any]) -> None:
    answer = await world.call("PUT", f"{module}/receiver/BE/BEC/{value['id']}", value)
    assert answer.code == 1000, answer.body


async def post(world: World, value: dict[str, Any]) -> Answered:
    return await world.call("POST", "cdrs/receiver", value)


def the_bill(world: World) -> Bill:
    (bill,) = world.node.bills()
    return bill


def off(bill: Bill) -> list[tuple[str, str]]:
    return [(each.rule, each.pointer) for each in bill.findings if each.rule in OF_PRICE]


async def admin(world: World, method: str, path: str, *value: Any) -> Answered:
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}
    return await world.hub.call(method, f"{world.node.admin_url}/node{path}", *value, headers=bearer)


WISH = {
    "location": "LOC1",
    "evse": "E1",
    "connector": "1",
    "energy": 10,
    "minutes": 60,
    "parking_minutes": 30,
    "start": "2026-01-01T10:00:00Z",
}


# The check.


@pytest.mark.holds("CDR-09", "TAR-02", by="emsp")
@pytest.mark.parametrize("change", ["PUT", "DELETE", "LIST"])
async def test_a_tariff_that_changes_during_the_session_changes_nothing(
    world: World, clock: Clock, change: str
) -> None:
    """CDR-09: pushed, taken back, or otherwise in a whole list."""
    await published(world)
    clock.now = at(10, 30)
    if change == "PUT":
        await put(world, "tariffs", dearer())
    elif change == "DELETE":
        assert (await world.call("DELETE", "tariffs/receiver/BE/BEC/T1")).code == 1000
    else:
        world.lists("tariffs", dearer())
        await world.node.pull()
    await put(world, "sessions", session(**OVER))
    clock.now = at(11, 31)
    await post(world, cdr())
    bill = the_bill(world)
    assert (bill.agrees, bill.is_disputed, off(bill)) == (True, False, [])
    assert bill.recomputed is not None
    assert bill.recomputed.excl_vat == Decimal("3.5")


async def test_a_cpo_that_bills_by_the_tariff_of_afterwards_is_found_by_line(
    world: World, clock: Clock
) -> None:
    await published(world)
    clock.now = at(10, 30)
    await put(world, "tariffs", dearer())
    await post(world, cdr(**BY_DEARER))
    bill = the_bill(world)
    assert (bill.agrees, bill.is_disputed, bill.total) == (False, True, Decimal("6.60"))
    assert ("tariff", "/tariffs/0/elements") in off(bill)
    assert ("published-price-lines", "/total_energy_cost/excl_vat") in off(bill)
    assert ("published-price-lines", "/total_parking_cost/excl_vat") not in off(bill)
    assert ("published-price-total", "/total_cost/incl_vat") in off(bill)


async def test_a_change_without_a_new_last_updated_is_found_as_well(world: World, clock: Clock) -> None:
    """The version of before is not overwritten."""
    await published(world)
    clock.now = at(10, 30)
    await put(world, "tariffs", dearer(last_updated="2025-12-31T00:00:00Z"))
    await post(world, cdr(**BY_DEARER))
    assert ("published-price-total", "/total_cost/excl_vat") in off(the_bill(world))


async def test_a_cpo_that_miscounts_is_found_by_line(world: World) -> None:
    await published(world)
    await post(world, cdr(total_parking_cost={"excl_vat": Decimal("1.02"), "incl_vat": Decimal("1.20")}))
    assert off(the_bill(world)) == [("price-lines", "/total_parking_cost/excl_vat")]


async def test_a_tariff_that_is_not_the_connectors_is_found(world: World) -> None:
    await published(world)
    await put(world, "tariffs", dearer(id="T2", last_updated="2025-12-31T00:00:00Z"))
    periods = [
        period(ENERGY="10", TIME="1", tariff_id="T2"),
        period("2026-01-01T11:00:00Z", PARKING_TIME="0.5", tariff_id="T2"),
    ]
    await post(world, cdr(**BY_DEARER, charging_periods=periods) | {"tariffs": [dearer(id="T2")]})
    bill = the_bill(world)
    assert "tariff-of-connector" in {each.rule for each in bill.findings}
    assert ("published-price-lines", "/total_energy_cost/excl_vat") in off(bill)


async def test_a_connector_that_changed_afterwards_is_not_held_against_the_cpo(world: World) -> None:
    await published(world)
    other = connector(tariff_ids=["T9"], last_updated=T1)
    await put(world, "locations", location(evses=[evse(connectors=[other])], last_updated=T1))
    await put(world, "tariffs", dearer(id="T9", last_updated="2025-12-31T00:00:00Z"))
    await post(world, cdr())
    assert "tariff-of-connector" not in {each.rule for each in the_bill(world).findings}


async def test_an_unknown_tariff_is_checked_by_the_cdr_itself_and_said(world: World) -> None:
    await post(world, cdr())
    bill = the_bill(world)
    assert (bill.agrees, bill.is_disputed) == (True, False)
    assert "tariff-not-published" in {each.rule for each in bill.findings}


async def test_without_any_tariff_nothing_is_taken_to_be_free(world: World) -> None:
    await post(world, cdr(tariffs=[]))
    bill = the_bill(world)
    assert (bill.agrees, bill.is_disputed, bill.recomputed, bill.total) == (
        False,
        True,
        None,
        Decimal("4.20"),
    )


async def test_a_cdr_that_comes_before_its_session_is_checked_again_with_it(world: World) -> None:
    """Until then its session is unknown, if its CPO tells of sessions at all."""
    await published(world)
    await put(world, "sessions", session(id="S0"))
    await post(world, cdr())
    assert [each.rule for each in the_bill(world).findings] == ["unknown-session"]
    assert the_bill(world).is_disputed
    await put(world, "sessions", session(kwh=Decimal(10)))
    assert [(each.rule, each.severity) for each in the_bill(world).findings] == [("session", "note")]
    await put(world, "sessions", session(**OVER, last_updated=T1))
    assert the_bill(world).findings == ()
    wrong = session(id="S2", **(OVER | {"kwh": Decimal(7)}))
    await put(world, "sessions", wrong)
    await post(world, cdr(id="C2", session_id="S2"))
    assert ("session", "/total_energy") in [
        (each.rule, each.pointer) for each in world.node.bills()[1].findings
    ]


@pytest.mark.holds("CDR-19", by="emsp")
async def test_a_cdr_that_comes_twice_is_checked_once_and_owed_once(world: World, clock: Clock) -> None:
    await published(world)
    assert [(await post(world, cdr())).status for _ in range(2)] == [201, 200]
    before = the_bill(world)
    clock.now = at(12)
    assert (await post(world, cdr())).status == 200
    assert the_bill(world) == before
    assert len(the_bill(world).findings) == 0


@pytest.mark.holds("CDR-06", by="emsp")
async def test_a_credit_takes_back_exactly_its_original_and_once(world: World) -> None:
    await published(world)
    minus = {"excl_vat": Decimal("-3.50"), "incl_vat": Decimal("-4.20")}
    credit = cdr(credit=True, credit_reference_id="C1", total_cost=minus)
    await post(world, cdr())
    await post(world, {**credit, "id": "K1"})
    await post(world, {**credit, "id": "K2"})
    await post(world, cdr(id="C2", session_id="S2", start_date_time="2026-01-01T10:00:00Z"))
    await post(
        world,
        {**credit, "id": "K3", "credit_reference_id": "C2", "session_id": "S2", "total_energy": Decimal(9)},
    )
    found = {each.cdr_id: [finding.rule for finding in each.findings] for each in world.node.bills()}
    assert (found["C1"], found["K1"], found["K2"]) == ([], [], ["credit"])
    assert "credit" in found["K3"]
    assert [each.cdr_id for each in world.node.bills() if each.is_disputed] == ["K2", "K3"]


async def test_two_cdrs_of_one_vehicle_at_one_place_are_found_but_not_one_that_was_credited(
    world: World,
) -> None:
    await published(world)
    await post(world, cdr())
    await post(world, cdr(id="C2", session_id="S2"))
    assert [each.rule for each in world.node.bills()[1].findings] == ["overlap"]
    minus = {"excl_vat": Decimal("-3.50"), "incl_vat": Decimal("-4.20")}
    for number in (1, 2):
        credited = {"credit": True, "credit_reference_id": f"C{number}", "session_id": f"S{number}"}
        await post(world, cdr(id=f"K{number}", total_cost=minus, **credited))
    await post(world, cdr(id="C3", session_id="S3"))
    assert world.node.bills()[-1].findings == ()


async def test_cdrs_of_a_list_are_checked_and_not_too_old(clock: Clock) -> None:
    """Nobody was told when they came."""
    async with emsp_world(clock=clock, emsp={"prices": PriceHabits()}) as world:
        clock.passes(days=200)
        world.lists("cdrs", cdr())
        world.lists("tariffs", tariff())
        world.lists("locations", location())
        await world.hub_tells()
        await world.node.pull()
        assert the_bill(world).findings == ()
        await post(world, cdr(id="C2", session_id="S2", end_date_time="2026-01-01T11:30:00Z"))
        assert "too-old" in {each.rule for each in world.node.bills()[1].findings}


async def test_what_a_check_said_stays_when_the_tariffs_of_then_are_forgotten(clock: Clock) -> None:
    """And a CDR that comes so late can only be checked by itself."""
    prices = PriceHabits(retention=timedelta(days=30), measures=WHENEVER)
    async with emsp_world(clock=clock, emsp={"prices": prices}) as world:
        await published(world)
        clock.now = at(10, 30)
        await put(world, "tariffs", dearer())
        await put(world, "sessions", session(**OVER))
        await post(world, cdr(**BY_DEARER))
        before = the_bill(world)
        assert before.is_disputed
        clock.passes(days=31)
        await world.node.pull_changes()
        history = world.node.provider.tariff_history.versions(before.cpo, ["T1"])
        assert [str(each.version.since) for each in history] == ["2026-01-01 10:30:00+00:00"]
        assert the_bill(world) == before
        await post(world, cdr(id="C2", session_id="S2", start_date_time="2026-01-01T10:00:00Z", **BY_DEARER))
        assert "tariff-not-published" in {each.rule for each in world.node.bills()[1].findings}


async def test_a_restart_keeps_history_checks_and_quotes(tmp_path: Path, clock: Clock) -> None:
    where: Any = {"settings": {"database": tmp_path / "emsp.sqlite"}, "clock": clock}
    async with emsp_world(**where) as world:
        await published(world)
        clock.now = at(10, 30)
        await put(world, "tariffs", dearer())
        await post(world, cdr(id="C0", session_id="S0", **BY_DEARER))
        before = the_bill(world)
    async with emsp_world(**where) as world:
        assert the_bill(world) == before
        await post(world, cdr(**BY_DEARER))
        assert ("published-price-total", "/total_cost/excl_vat") in off(world.node.bills()[1])


async def test_a_cdr_that_was_kept_and_not_checked_is_checked_when_somebody_looks(world: World) -> None:
    """As after a crash between the two."""
    await published(world)
    await post(world, cdr())
    world.node.node.database.execute("DELETE FROM checked_cdr")
    assert the_bill(world).agrees


@pytest.mark.parametrize(
    "changes",
    [
        {"total_cost": {"excl_vat": Decimal("1E+40")}},
        {"total_cost": {"excl_vat": Decimal(3), "incl_vat": Decimal("1E-40")}},
        {"total_energy_cost": {"excl_vat": Decimal("1E+999999")}},
        {"total_energy": Decimal("1E+400")},
        {"total_time": Decimal("-1E+99999")},
    ],
)
async def test_what_adds_up_to_more_than_can_be_reckoned_is_refused(
    world: World, changes: dict[str, Any]
) -> None:
    """Posted or in a list: it would keep all other bills from being shown."""
    answer = await post(world, cdr(**changes))
    assert (answer.code, "out of all proportion" in answer.envelope["status_message"]) == (2001, True)
    world.lists("cdrs", cdr(id="C2", **changes), cdr(id="C3"))
    await world.hub_tells()
    await world.node.pull()
    assert [each.cdr_id for each in world.node.bills()] == ["C3"]


# The quote.


async def test_a_quote_is_the_price_of_what_happens_then(world: World) -> None:
    await published(world)
    answer = await admin(world, "POST", "/quotes", WISH)
    quoted = answer.envelope
    assert (quoted["total"], quoted["excl_vat"], quoted["incl_vat"]) == (Decimal("4.20"), "3.5", "4.2")
    await post(world, cdr())
    assert the_bill(world).total == quoted["total"]


async def test_a_quote_is_kept_with_the_session_that_it_started(world: World) -> None:
    """Also where nobody answers the command: the session may start all the same (AM-40)."""
    await published(world)
    world.hub.answers("POST", "/receiver/commands/", Reply(status=500, body=b"no"))
    wish = {**WISH, "token": "04A1B2C3"}
    assert (await admin(world, "POST", "/sessions", wish)).status == 502
    (command,) = world.node.commands.all()
    reference = command.body["authorization_reference"]
    await put(world, "sessions", session(**OVER, authorization_reference=reference))
    await post(world, cdr())
    kept = the_bill(world).quote
    assert kept is not None
    assert (kept["total"], kept["location"], kept["tariff_id"]) == (Decimal("4.20"), "LOC1", "T1")
    await post(world, cdr(id="C2", session_id="S2"))
    assert world.node.bills()[1].quote is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"energy": 30}, "too much power: connector 1 gives 22.08 kW at most"),
        ({"energy": -1}, "not a charging"),
        ({"minutes": 0}, "not a charging"),
        ({"energy": "much"}, "energy: expected a number"),
        ({"minutes": 10**9}, "minutes: expected at most"),
        ({"start": "soon"}, "expected a UTC DateTime"),
        ({"start": "2025-12-30T00:00:00Z"}, "unknown tariff"),
        ({"profile": "SLOW"}, "profile: expected one of"),
        ({"connector": "9"}, "no connector 9"),
        ({"evse": "E9"}, "no EVSE E9"),
        ({"location": "LOC9"}, "no location LOC9"),
        ({"token": "who"}, "who"),
    ],
)
async def test_what_cannot_be_quoted_is_refused_by_name_and_not_started(
    world: World, change: dict[str, Any], said: str
) -> None:
    await published(world)
    for path in ("/quotes", "/sessions"):
        answer = await admin(world, "POST", path, {"token": "04A1B2C3", **WISH, **change})
        assert (answer.status, said in answer.envelope["error"]) == (409, True), answer.body
    assert world.hub.all("POST", "/commands/") == []


@pytest.mark.holds("TAR-18", by="emsp")
async def test_a_tariff_that_was_never_sent_or_taken_back_has_no_quote(world: World, clock: Clock) -> None:
    """TAR-18: an unknown price is not 0."""
    there = location(evses=[evse(connectors=[connector(tariff_ids=["T1", "T2"])])])
    await published(world)
    await put(world, "locations", there)
    unknown = await admin(world, "POST", "/quotes", WISH)
    assert "unknown tariff: nothing is known of T2" in unknown.envelope["error"]
    await put(world, "locations", location(last_updated=T1))
    clock.now = at(9, 30)
    await world.call("DELETE", "tariffs/receiver/BE/BEC/T1")
    gone = await admin(world, "POST", "/quotes", WISH)
    assert "tariff not valid: T1 was withdrawn" in gone.envelope["error"]


async def test_an_ad_hoc_token_is_quoted_by_its_own_tariff(world: World) -> None:
    world.node.tokens.issue({"uid": "adhoc-1", "type": "AD_HOC_USER"})
    there = location(evses=[evse(connectors=[connector(tariff_ids=["T1", "T2"])])])
    await published(world, tariff(type="REGULAR"))
    await put(world, "locations", there)
    await put(world, "tariffs", dearer(id="T2", type="AD_HOC_PAYMENT", last_updated="2025-12-31T00:00:00Z"))
    used = {
        name: (await admin(world, "POST", "/quotes", {**WISH, **given})).envelope["tariff_id"]
        for name, given in {
            "card": {"token": "04A1B2C3"},
            "ad hoc token": {"token": "adhoc-1"},
            "ad hoc": {"ad_hoc": True},
        }.items()
    }
    assert used == {"card": "T1", "ad hoc token": "T2", "ad hoc": "T2"}


# The running cost.


async def test_the_cost_so_far_is_reckoned_by_the_tariff_of_the_start(world: World, clock: Clock) -> None:
    """Beside what the CPO says it is."""
    await published(world)
    clock.now = at(10, 30)
    await put(world, "tariffs", dearer())
    told = session(kwh=Decimal(4), charging_periods=[period(ENERGY="4", TIME="0.5")], last_updated=DURING)
    await put(world, "sessions", told | {"total_cost": {"excl_vat": Decimal("1.80")}})
    (shown,) = (await admin(world, "GET", "/sessions")).envelope
    assert shown["reckoned"] == {"excl_vat": "1", "incl_vat": "1.2", "total": Decimal("1.20")}
    assert shown["total_cost"] == {"excl_vat": Decimal("1.80")}


async def test_a_cost_that_cannot_be_reckoned_is_not_0(world: World) -> None:
    await put(world, "sessions", session())
    (running,) = world.node.sessions()
    cost = world.node.provider.running_cost(running)
    assert isinstance(cost, CannotBePriced)
    (shown,) = (await admin(world, "GET", "/sessions")).envelope
    assert (shown["reckoned"], "T1" in shown["not_reckoned"]) == (None, True)


async def test_a_session_without_periods_has_no_cost_of_ours(world: World) -> None:
    await put(world, "sessions", session(charging_periods=[]))
    (shown,) = (await admin(world, "GET", "/sessions")).envelope
    assert shown["reckoned"] is None
