"""A simulated charger at another maker's central system, in 2.0.1 and 2.1: whole charging sessions."""

from decimal import Decimal

import pytest

from partners.charger.driver import rfid_visit
from tests.fixtures.csms import foreign_csms, patiently, simulator

pytestmark = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


async def test_an_rfid_session_is_told_from_the_first_tap_to_the_last(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_connected())
        visit = await patiently(rfid_visit(charger, 1, "TAG", Decimal(3000)))
    assert csms.links == [f"ocpp{version}"]
    assert visit.status == "Accepted"
    (started,), (ended,) = csms.events("Started"), csms.events("Ended")
    assert started["triggerReason"] == "Authorized"
    assert started["idToken"] == {"idToken": "TAG", "type": "ISO14443"}
    assert ended["triggerReason"] == "StopAuthorized"
