"""A simulated charge point reserves connectors and obeys charging profiles."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from partners.charger.connector import Connector
from partners.charger.settings import ChargerSettings
from partners.charger.smart_charging import FOREVER, Limit, Profile, Profiles, Purpose, composite
from partners.charger.states import Status, Token
from partners.charger.vehicle import Vehicle
from tests.unit.partners.ocpp_world import CpoNode, cpo_node, patiently, simulator

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def ask(node: CpoNode, action: str, **payload: Any) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = await patiently(node.central.ask("CP001", action, payload))
    return answer


async def reserve(
    node: CpoNode, connector: int = 1, number: int = 7, tag: str = "TAG", **changes: Any
) -> str:
    wanted = {"connectorId": connector, "expiryDate": "2099-01-01T00:00:00Z", "idTag": tag} | changes
    return str((await ask(node, "ReserveNow", reservationId=number, **wanted))["status"])


def profile(purpose: Purpose = Purpose.TX, watt: int = 5000, level: int = 0, **changes: Any) -> Profile:
    standard = {"id": len(purpose) + level, "connector_id": 1, "start": None, "duration": None}
    periods = ((timedelta(), Decimal(watt)),)
    return Profile(purpose=purpose, stack_level=level, **{**standard, "periods": periods, **changes})


async def test_a_reserved_connector_is_kept_for_its_id_tag() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        assert await reserve(node) == "Accepted"
        await patiently(charger.until_status(1, Status.RESERVED))
        assert await reserve(node, number=8, tag="OTHER") == "Occupied"
        charger.plug_in(1)
        assert (await charger.tap(1, "OTHER")).value == "Invalid"
        assert (await charger.tap(1, "TAG")).value == "Accepted"
        started = await node.cpo.until_told("transaction_started")
        assert started.reservation_id == 7


async def test_a_reservation_is_replaced_cancelled_and_expires() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        assert await reserve(node) == "Accepted"
        assert await reserve(node, tag="NEW") == "Accepted"
        assert (await ask(node, "CancelReservation", reservationId=9))["status"] == "Rejected"
        assert (await ask(node, "CancelReservation", reservationId=7))["status"] == "Accepted"
        await patiently(charger.until_status(1, Status.AVAILABLE))
        soon = (charger.time.now() + timedelta(seconds=20)).isoformat().replace("+00:00", "Z")
        assert await reserve(node, expiryDate=soon) == "Accepted"
        once = ["Reserved", "Available"]
        await patiently(node.cpo.until(lambda: node.cpo.statuses() == ["Available", *once, *once]))


async def test_a_seat_is_kept_free_whichever_it_is() -> None:
    async with cpo_node() as node, simulator(node.url(), ChargerSettings(connectors=2)) as charger:
        await patiently(charger.until_connected())
        assert await reserve(node, connector=0) == "Accepted"
        charger.plug_in(1)
        assert (await charger.tap(1, "OTHER")).value == "Accepted"
        charger.plug_in(2)
        assert (await charger.tap(2, "THIRD")).value == "Invalid"
        assert (await charger.tap(2, "TAG")).value == "Accepted"
        await patiently(charger.until_numbered(2))
        assert [each.reservation_id for each in node.cpo.told("transaction_started")] == [None, 7]


@pytest.mark.parametrize(
    ("profiles", "watt"),
    [
        ([], None),
        ([profile()], 5000),
        ([profile(), profile(Purpose.TX_DEFAULT, 3000, connector_id=0)], 5000),
        ([profile(Purpose.TX_DEFAULT, 3000, connector_id=0)], 3000),
        ([profile(), profile(watt=7000, level=1)], 7000),
        ([profile(), profile(Purpose.STATION_MAX, 4000, connector_id=0)], 4000),
        ([profile(transaction_id=2)], None),
        ([profile(start=NOON + HOUR)], None),
        ([profile(start=NOON - HOUR, duration=HOUR)], None),
    ],
)
def test_profiles_come_to_one_limit(profiles: list[Profile], watt: int | None) -> None:
    installed = Profiles()
    for each in profiles:
        installed.install(each)
    assert installed.limit(1, 1, NOON, NOON).watt == watt


def test_a_composite_schedule_has_a_step_for_each_change() -> None:
    installed = Profiles()
    steps = ((timedelta(), Decimal(5000)), (HOUR, Decimal(0)))
    installed.install(profile(periods=steps, duration=2 * HOUR))
    found = composite(lambda at: installed.limit(1, 1, at, NOON), Decimal(11_000), NOON, 3 * HOUR)
    assert [(each.begin, each.watt) for each in found] == [(0 * HOUR, 5000), (HOUR, 0), (2 * HOUR, 11_000)]


def test_the_energy_under_a_limit_is_what_the_limit_allows() -> None:
    """Half an hour at 6 kW, then nothing."""

    def limit(_: Any, at: datetime) -> Limit:
        half = NOON + HOUR / 2
        return Limit(Decimal(6000), half) if at < half else Limit(Decimal(0), FOREVER)

    plug = Connector(1, Decimal(22_000), vehicle=Vehicle())
    transaction = plug.begin(Token("TAG"), NOON, limit)
    plug.advance(NOON + 2 * HOUR)
    assert 2900 < transaction.energy_wh <= 3000
    assert plug.reading(NOON + 2 * HOUR).power_w == 0


async def test_a_profile_holds_the_current_down_until_it_is_cleared() -> None:
    async with cpo_node() as node, simulator(node.url()) as charger:
        await patiently(charger.until_connected())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        number = await patiently(charger.until_numbered(1))
        given = {
            "chargingProfileId": 5,
            "transactionId": number,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
            },
        }
        answer = await ask(node, "SetChargingProfile", connectorId=1, csChargingProfiles=given)
        assert answer["status"] == "Accepted"
        composed = await ask(node, "GetCompositeSchedule", connectorId=1, duration=600, chargingRateUnit="A")
        assert composed["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10.0}]
        wrong = given | {"transactionId": number + 1}
        refused = await ask(node, "SetChargingProfile", connectorId=1, csChargingProfiles=wrong)
        assert refused["status"] == "Rejected"
        assert (await ask(node, "ClearChargingProfile", id=5))["status"] == "Accepted"
        assert (await ask(node, "ClearChargingProfile", id=5))["status"] == "Unknown"
