"""A limit of the eMSP, in ampere: through hub and CPO to the charger, seen in the current of the car."""

from decimal import Decimal
from pathlib import Path

import pytest

from schemas.v2_2_1 import ChargingProfile
from tests.fixtures.whole_path import stage

TEN_AMPERE = ChargingProfile.model_validate(
    {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 10}]}
)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_the_car_draws_what_the_emsp_allows_and_no_more(tmp_path: Path, version: str) -> None:
    async with stage(tmp_path, version) as on:
        session = await on.charges()
        await on.charger.until_energy(1, Decimal(500))
        station, smart = on.charger.station, on.emsp.smart_charging

        def ampere() -> Decimal:
            return station.connector(1).reading(on.time.now()).current_a

        full = ampere()
        assert full > 30
        assert (await smart.limit(session.id, TEN_AMPERE)).is_accepted
        await on.charger.until(lambda: ampere() == 10)
        told = await smart.active(session.id)
        assert told.profile is not None
        # Told in W by every charger: ten ampere at 230 V on three phases.
        assert told.profile.charging_profile.charging_profile_period[0].limit == 6900
        assert (await smart.unlimit(session.id)).is_accepted
        await on.charger.until(lambda: ampere() == full)
        await on.leaves()
        assert (await on.bill()).session_id == session.id
