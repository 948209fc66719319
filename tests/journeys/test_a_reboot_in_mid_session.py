"""The power of a charger fails while somebody charges: one session, one bill, of what has flowed."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.whole_path import stage

OUTAGE = timedelta(minutes=3)

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


@each_version
async def test_it_goes_on_where_it_was(tmp_path: Path, version: str) -> None:
    async with stage(tmp_path, version) as on:
        session = await on.charges()
        await on.charger.until_energy(1, Decimal(1500))
        await on.charger.lose_power(OUTAGE, ends_transactions=False)
        await on.charger.until_connected()
        before = on.charger.connector(1).energy_wh
        await on.charger.until_energy(1, before + 1500)
        await on.leaves()
        bill = await on.bill()
        assert (await on.session("COMPLETED")).id == session.id
        assert bill.energy > Decimal(3)


@each_version
async def test_it_is_over_and_told_after_the_boot(tmp_path: Path, version: str) -> None:
    async with stage(tmp_path, version) as on:
        session = await on.charges()
        await on.charger.until_energy(1, Decimal(1500))
        failed = on.time.now()
        await on.charger.lose_power(OUTAGE, ends_transactions=True)
        await on.charger.until_connected()
        await on.bill()
        (cdr,) = on.emsp.cdrs()
        assert cdr.session_id == session.id
        assert abs(cdr.end_date_time - failed) < OUTAGE / 2
        assert "PowerLoss" in (cdr.remark or "")
        on.charger.unplug(1)
        await on.until_seen("AVAILABLE")
