"""Reservations over the whole path: one that is used, one that nobody comes for."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from partners.emsp.reservations import ReservationState
from schemas.v2_2_1 import CdrDimensionType
from tests.fixtures.cpo_world import tariff
from tests.fixtures.whole_path import CARD, PATIENCE, stage

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1"])

#: Who reserves and does not come pays for the time, and 4 euros.
PRICED = tariff()
PRICED["elements"] = [
    {
        "price_components": [{"type": "TIME", "price": Decimal(5), "vat": Decimal(20), "step_size": 60}],
        "restrictions": {"reservation": "RESERVATION"},
    },
    {
        "price_components": [{"type": "FLAT", "price": Decimal(4), "vat": Decimal(20), "step_size": 1}],
        "restrictions": {"reservation": "RESERVATION_EXPIRES"},
    },
    *PRICED["elements"],
]


@each_version
async def test_one_that_is_used_becomes_the_session_of_its_driver(tmp_path: Path, version: str) -> None:
    """One session and one bill, which has the time in which the place was kept free."""
    async with stage(tmp_path, version, tariffs=[PRICED]) as on:
        reserved = await on.emsp.driver.reserve(CARD, "square", on.time.now() + timedelta(days=1), "E1")
        assert reserved.outcome.result == "ACCEPTED"
        assert on.reservation() is ReservationState.HELD
        waiting = await on.session("RESERVATION")
        assert (waiting.kwh, waiting.authorization_reference) == (0, reserved.authorization_reference)
        await on.until_seen("RESERVED")
        assert await on.charger.tap(1, "04FFEEDDCCBBAA") == "Invalid"
        session = await on.charges()
        assert session.id == waiting.id
        assert session.authorization_reference == reserved.authorization_reference
        await on.until_seen("CHARGING")
        await on.charger.until_energy(1, Decimal(1000))
        await on.leaves()
        await on.bill()
        (cdr,) = on.emsp.cdrs()
        assert cdr.authorization_reference == reserved.authorization_reference
        kept_free = [
            each
            for period in cdr.charging_periods
            for each in period.dimensions
            if each.type == CdrDimensionType.RESERVATION_TIME
        ]
        assert len(kept_free) == 1
        assert cdr.total_reservation_cost is not None
        assert cdr.total_reservation_cost.excl_vat > 0
        await on.until_seen("AVAILABLE")


@each_version
async def test_one_that_nobody_comes_for_expires_and_is_billed(tmp_path: Path, version: str) -> None:
    """The charger lets go of the connector by itself; eMSP, driver and everybody else hear of it."""
    async with stage(tmp_path, version, tariffs=[PRICED]) as on:
        expiry = on.time.now() + timedelta(minutes=30)  # a second and a half here
        await on.emsp.driver.reserve(CARD, "square", expiry, "E1")
        waiting = await on.session("RESERVATION")
        await on.until_seen("RESERVED")
        over = await on.session("COMPLETED")
        assert (over.id, over.kwh) == (waiting.id, 0)
        await on.emsp.until(on.emsp.cdrs, PATIENCE)
        (cdr,), (bill,) = on.emsp.cdrs(), on.emsp.bills()
        assert (cdr.session_id, cdr.total_energy, cdr.remark) == (waiting.id, 0, "reservation not used")
        assert abs(cdr.end_date_time - expiry) < timedelta(minutes=1)
        assert cdr.total_cost.excl_vat > 4
        assert bill.agrees, bill.remarks
        assert on.reservation() is ReservationState.EXPIRED
        await on.until_seen("AVAILABLE")
        assert await on.charger.tap(1, CARD) == "Accepted"
