"""A driver with a card: what the eMSP receives, from the first PUT to the CDR."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.ocpi.patching import patched
from hub.pricing import charged_periods, ocpi_price, price
from partners.charger.driver import rfid_visit
from partners.charger.settings import ChargerSettings
from partners.charger.states import EnergyUnit, Verdict
from partners.charger.vehicle import Vehicle
from partners.cpo.billing.sessions import Pace
from schemas.v2_2_1 import CDR, Session
from tests.fixtures.cpo_world import CPO, EMSP, HUB, World, tariff, token, world
from tests.unit.pricing.by_chance import case


async def charged(made: World, wh: int = 3000, settings: ChargerSettings | None = None) -> dict[str, Any]:
    """A visit with the card CARD1; the CDR of it."""
    charger = await made.charger(settings=settings)
    visit = await rfid_visit(charger, 1, "CARD1", Decimal(wh))
    assert visit.status is Verdict.ACCEPTED
    value: dict[str, Any] = (await made.hub.receives("POST", "/receiver/cdrs")).value
    return value


@pytest.mark.holds("SES-01", "CDR-22", by="cpo")
async def test_a_session_is_told_from_start_to_cdr_in_order_to_the_emsp_of_the_token_only() -> None:
    """SES-01, CDR-22, AM-26."""
    async with world(tokens=(token(),)) as made:
        await charged(made)
        told = [each for each in made.hub.received if "sessions" in each.path or "cdrs" in each.path]
        methods = [each.method for each in told]
        assert methods[0] == "PUT"
        assert methods[-2:] == ["PUT", "POST"]
        assert set(methods[1:-2]) == {"PATCH"}
        assert {(each.to, each.sender) for each in told} == {(EMSP, str(CPO))}
        assert told[0].value["status"] == "ACTIVE"
        assert told[0].value["cdr_token"]["uid"] == "CARD1"
        assert told[0].path.endswith(f"/NL/CPO/{told[0].value['id']}")


async def test_put_and_patches_lead_to_the_state_that_the_last_put_tells() -> None:
    """SES-04: whoever appends what each PATCH gives holds what the CPO holds."""
    async with world(tokens=(token(),), longest_period=timedelta(minutes=5)) as made:
        await charged(made, 8000)
        first, *patches, last = made.sessions()
        held = first
        for patch in patches:
            assert "last_updated" in patch
            held = patched(held, patch)
            Session.model_validate(held)
        periods = held["charging_periods"]
        assert len(periods) > 1
        starts = [each["start_date_time"] for each in periods]
        assert starts == sorted(set(starts))
        assert held["kwh"] <= last["kwh"]
        assert last["status"] == "COMPLETED"


@pytest.mark.holds("CDR-20", "CDR-22", by="cpo")
async def test_the_last_session_and_the_cdr_agree_and_the_price_is_exact() -> None:
    """CDR-20, CDR-22; an eMSP that prices the CDR by itself finds the same to the last digit."""
    async with world(tokens=(token(),)) as made:
        cdr = await charged(made)
        session = made.sessions()[-1]
        for field in ("cdr_token", "auth_method", "currency", "start_date_time", "end_date_time", "meter_id"):
            assert cdr[field] == session[field], field
        assert cdr["session_id"] == session["id"]
        assert cdr["total_cost"] == session["total_cost"]
        assert cdr["total_energy"] == session["kwh"]
        assert cdr["charging_periods"] == session["charging_periods"]
        read = CDR.model_validate(cdr)
        periods = charged_periods(read.charging_periods, end=read.end_date_time)
        statement = price(periods, read.tariffs, time_zone="Europe/Amsterdam")
        assert ocpi_price(statement.total_cost).to_wire() == cdr["total_cost"]


async def test_the_energy_of_the_cdr_is_what_the_meter_counted() -> None:
    async with world(tokens=(token(),)) as made:
        charger = await made.charger()
        visit = await rfid_visit(charger, 1, "CARD1", Decimal(2000))
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        delivered = (visit.energy_wh / 1000).quantize(Decimal("0.001"))
        assert abs(cdr["total_energy"] - delivered) <= Decimal("0.001")
        assert sum(volume_of(period, "ENERGY") for period in cdr["charging_periods"]) == cdr["total_energy"]


@pytest.mark.parametrize("seed", range(4))
async def test_under_any_tariff_each_message_has_the_cost_and_the_last_one_is_that_of_the_cdr(
    seed: int,
) -> None:
    """The same as `test_priced_live` shows of many more, over real sockets and with charger and meter."""
    (one, *_) = case(seed).tariffs
    offered = one.to_wire() | {"id": "standard"}
    told_by_the_cpo = {"country_code", "party_id", "last_updated"}
    chosen = {name: each for name, each in offered.items() if name not in told_by_the_cpo}
    pace = Pace(timedelta(seconds=30), Decimal("0.1"))
    async with world(tokens=(token(),), tariffs=[chosen], pace=pace) as made:
        cdr = await charged(made, 4000)
        told = [each for each in made.hub.received if "/sessions/" in each.path]
        held = told[0].value
        for each in told[1:]:
            assert "total_cost" in each.value
            held = patched(held, each.value) if each.method == "PATCH" else each.value
        assert held["total_cost"] == cdr["total_cost"]
        assert held["charging_periods"] == cdr["charging_periods"]


@pytest.mark.holds("SES-14", "TAR-08", by="cpo")
async def test_what_is_free_is_told_to_cost_nothing() -> None:
    """SES-14, TAR-08: a total of zero, which is not the same as no total."""
    free = tariff({"type": "FLAT", "price": Decimal("0.00"), "step_size": 1})
    async with world(tokens=(token(),), tariffs=[free]) as made:
        cdr = await charged(made, 1000)
        for told in (cdr, made.sessions()[-1]):
            assert told["total_cost"]["excl_vat"] == 0


def volume_of(period: dict[str, Any], dimension: str) -> Decimal:
    found = [each["volume"] for each in period["dimensions"] if each["type"] == dimension]
    return Decimal(sum(found))


@pytest.mark.holds("AM-38", by="cpo")
async def test_a_full_car_parks_and_pays_for_it() -> None:
    """AM-38: the car is full, asks for nothing, and stays."""
    nearly_full = Vehicle(capacity_wh=Decimal(10_000), soc=Decimal("0.8"))
    async with world(tokens=(token(),)) as made:
        charger = await made.charger()
        charger.plug_in(1, nearly_full)
        await charger.tap(1, "CARD1")
        await charger.until(lambda: charger.connector(1).car_is_full)
        full_since = charger.time.now()
        await made.cpo.until(lambda: any(is_parking(made, "SuspendedEV")))
        await charger.until(lambda: (charger.time.now() - full_since).total_seconds() > 600)
        await charger.tap(1, "CARD1")
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        kinds = [{each["type"] for each in period["dimensions"]} for period in cdr["charging_periods"]]
        assert "TIME" in kinds[0]
        assert "PARKING_TIME" in kinds[-1]
        assert cdr["total_parking_time"] > Decimal("0.15")
        assert cdr["total_parking_cost"]["excl_vat"] > 0
        assert cdr["total_time"] > cdr["total_parking_time"]


def is_parking(made: World, status: str) -> list[bool]:
    log = made.cpo.charging_log
    return [change.status == status for charging in log.open_at("CP1") for change in log.states(charging)]


@pytest.mark.holds("CDR-09", by="cpo")
async def test_the_cdr_keeps_what_was_agreed_at_the_start() -> None:
    """CDR-09: tariff and location as they were, whole."""
    async with world(tokens=(token(),)) as made:
        cdr = await charged(made)
        assert cdr["tariffs"][0]["elements"] == tariff()["elements"]
        place = cdr["cdr_location"]
        assert (place["id"], place["evse_uid"], place["evse_id"], place["connector_id"]) == (
            "square",
            "E1",
            "NL*CPO*E1",
            "1",
        )
        CDR.model_validate(cdr)


async def test_a_running_session_is_told_every_so_many_kwh_and_not_with_every_sample() -> None:
    async with world(tokens=(token(),), pace=Pace(energy=Decimal(2))) as made:
        await charged(made, 6000)
        patches = [each.value for each in made.hub.all("PATCH", "/receiver/sessions")]
        assert 1 <= len(patches) <= 3
        samples = len(made.cpo.charging_log.samples(made.cpo.charging_log.charging(1)))
        assert samples > 2 * len(patches)


async def test_kwh_and_wh_on_the_wire_are_the_same_energy() -> None:
    async with world(tokens=(token(),)) as made:
        cdr = await charged(made, 1000, ChargerSettings(energy_unit=EnergyUnit.KWH))
        assert Decimal("0.9") < cdr["total_energy"] < Decimal("1.6")


@pytest.mark.holds("RT-28", "LOC-02", "LOC-07", by="cpo")
async def test_the_status_of_the_evse_is_broadcast_as_it_changes() -> None:
    """RT-28, LOC-02, LOC-07."""
    async with world(tokens=(token(),)) as made:
        await charged(made)
        await made.cpo.until(lambda: made.cpo.broadcast.is_settled)
        await made.hub.until(lambda: statuses(made)[-1] == "AVAILABLE")
        assert statuses(made) == ["AVAILABLE", "CHARGING", "AVAILABLE"]
        patches = made.hub.all("PATCH", "/receiver/locations/NL/CPO/square/E1")
        assert {each.to for each in patches} == {HUB}
        url = made.hub.far_end["locations", "SENDER"]
        location = (await made.hub.call("GET", f"{url}/square", to=str(CPO), sender=HUB)).data
        assert location["last_updated"] == patches[-1].value["last_updated"]
        assert location["evses"][0]["last_updated"] == patches[-1].value["last_updated"]
        assert location["evses"][1]["last_updated"] < location["last_updated"]


def statuses(made: World) -> list[str]:
    return [each.value["status"] for each in made.hub.all("PATCH", "/receiver/locations")]


async def test_a_plug_that_is_taken_away_at_once_is_completed_without_a_cdr() -> None:
    async with world(tokens=(token(),)) as made:
        # At once, on a busy machine, too: two minutes here are six seconds.
        made.time.speed = 20
        charger = await made.charger(settings=ChargerSettings(max_power_w=Decimal("0.001")))
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        await charger.until_numbered(1)
        await charger.tap(1, "CARD1")
        await made.cpo.until(lambda: made.cpo.sessions()[0].current["status"] == "COMPLETED")
        await made.cpo.until(lambda: not made.cpo.sessions()[0].is_owed)
        assert made.cpo.cdrs() == []
        assert made.hub.all("POST", "/receiver/cdrs") == []


@pytest.mark.parametrize("uid", ["card1", "CARD1"])
async def test_the_id_tag_is_read_without_regard_to_case_and_told_as_the_emsp_spells_it(uid: str) -> None:
    async with world(tokens=(token(),)) as made:
        charger = await made.charger()
        await rfid_visit(charger, 1, uid, Decimal(1000))
        cdr = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert cdr["cdr_token"]["uid"] == "CARD1"
