"""Which tariff of a connector a session is billed by: the rule with which eMSPs quote and check."""

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from hub.pricing import tariffs_for
from partners.cpo.billing.contracts import applicable_tariff
from schemas.v2_2_1 import Tariff, TokenType
from tests.fixtures.cpo_world import connector, evse, location, tariff, token, world
from tests.unit.partners.cpo.test_odd_chargers import charger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHOSE = {"country_code": "NL", "party_id": "CPO", "last_updated": "2026-01-01T00:00:00Z"}


def made(tariff_id: str, **changes: Any) -> Tariff:
    return Tariff.model_validate(WHOSE | tariff(id=tariff_id, **changes))


FOR_ALL = made("all")
REGULAR = made("regular", type="REGULAR")
AD_HOC = made("ad-hoc", type="AD_HOC_PAYMENT")
FAST = made("fast", type="PROFILE_FAST")


@pytest.mark.holds("LOC-19", by="cpo")
@pytest.mark.parametrize("offered", list(permutations([FOR_ALL, REGULAR, AD_HOC, FAST])))
@pytest.mark.parametrize(
    ("kind", "found"),
    [(TokenType.RFID, "regular"), (TokenType.APP_USER, "regular"), (TokenType.AD_HOC_USER, "ad-hoc")],
)
def test_the_tariff_that_is_meant_for_such_a_session_goes_before_one_for_all(
    offered: tuple[Tariff, ...], kind: TokenType, found: str
) -> None:
    chosen = applicable_tariff(offered, kind, NOW)
    assert chosen.id == found
    assert chosen is tariffs_for(offered, start=NOW, ad_hoc=kind is TokenType.AD_HOC_USER)[0]


def test_the_tariff_that_became_valid_last_replaces_the_others() -> None:
    old = made("old", start_date_time="2026-01-01T00:00:00Z")
    new = made("new", start_date_time="2026-02-01T00:00:00Z")
    later = made("later", start_date_time="2026-04-01T00:00:00Z")
    assert applicable_tariff([old, later, new], TokenType.RFID, NOW).id == "new"


def test_where_no_tariff_fits_the_first_one_is_taken_for_somebody_charges() -> None:
    over = made("over", end_date_time="2026-01-01T00:00:00Z")
    assert applicable_tariff([over, AD_HOC], TokenType.RFID, NOW).id == "over"


async def test_a_session_is_billed_by_the_tariff_that_its_emsp_would_quote() -> None:
    tariffs = [tariff(id="standard"), tariff(id="regular", type="REGULAR")]
    place = {"tariff_ids": ["standard", "regular"]}
    locations = [location("square", evse("E1", "CP1", connectors=[connector(**place)]))]
    async with world(tokens=(token(),), tariffs=tariffs, locations=locations) as one, charger(one) as wire:
        await wire.stops(await wire.starts())
        cdr = (await one.hub.receives("POST", "/receiver/cdrs")).value
        assert [each["id"] for each in cdr["tariffs"]] == ["regular"]
