"""A model that is known to break rules of OCPP, named in the file of profiles: it charges and is billed."""

from pathlib import Path
from typing import Any

import pytest

from partners.cpo.onboarding.onboarding_settings import OnboardingSettings
from partners.cpo.onboarding.settings_profiles import settings_profiles
from tests.fixtures.cpo_world import World, token, world
from tests.unit.partners.cpo.test_who_may_connect import link, says

PROFILES = """
[[profiles]]
name = "Oddbox: fields of its own, words of its own"
vendor = "Oddbox"
relaxed = ["extra-fields", "new-words"]

[[profiles]]
name = "Oddbox mini: its BootNotification itself is wrong"
charge_points = ["CP2"]
relaxed = ["extra-fields", "long-texts"]
"""
AT = "2026-03-01T10:00:00Z"
STATUS = {"connectorId": 1, "errorCode": "CoffeeBreak", "status": "Available", "mood": "fine"}
START = {"connectorId": 1, "idTag": "CARD1", "meterStart": 1000, "timestamp": AT, "mood": "fine"}
STOP = {"transactionId": 0, "meterStop": 4000, "timestamp": "2026-03-01T11:00:00Z", "reason": "Boredom"}


def odd(folder: Path) -> OnboardingSettings:
    file = folder / "profiles.toml"
    file.write_text(PROFILES)
    return OnboardingSettings(settings_profiles(file))


def boot(vendor: str, **more: Any) -> dict[str, Any]:
    return {"chargePointVendor": vendor, "chargePointModel": "One", **more}


async def bill(made: World) -> dict[str, Any]:
    value: dict[str, Any] = (await made.hub.receives("POST", "/receiver/cdrs")).value
    return value


async def test_one_whose_model_says_it_charges_and_is_billed(tmp_path: Path) -> None:
    async with world(tokens=(token(),), onboarding=odd(tmp_path)) as made, link(made.cpo) as charger:
        # There is nothing to set: no word of Pending.
        assert (await says(charger, "BootNotification", boot("Oddbox")))["status"] == "Accepted"
        assert await says(charger, "StatusNotification", STATUS) == {}
        number = (await says(charger, "StartTransaction", START))["transactionId"]
        await says(charger, "StopTransaction", STOP | {"transactionId": number})
        cdr = await bill(made)
    assert (cdr["total_energy"], cdr["cdr_token"]["uid"]) == (3, "CARD1")


@pytest.mark.parametrize(("action", "payload"), [("StatusNotification", STATUS), ("StartTransaction", START)])
async def test_what_is_let_pass_for_one_is_refused_to_all_others(
    tmp_path: Path, action: str, payload: dict[str, Any]
) -> None:
    async with world(tokens=(token(),), onboarding=odd(tmp_path)) as made, link(made.cpo) as charger:
        assert (await says(charger, "BootNotification", boot("Honest")))["status"] == "Accepted"
        with pytest.raises(AssertionError, match="Violation"):
            await says(charger, action, payload)
        assert made.sessions() == []


async def test_one_whose_boot_is_wrong_is_named_by_its_identity(tmp_path: Path) -> None:
    wrong = boot("A vendor with a name of more than twenty characters", mood="fine")
    async with world(tokens=(token(),), onboarding=odd(tmp_path)) as made:
        async with link(made.cpo, "CP1") as charger:
            with pytest.raises(AssertionError, match="Violation"):
                await says(charger, "BootNotification", wrong)
        async with link(made.cpo, "CP2") as charger:
            assert (await says(charger, "BootNotification", wrong))["status"] == "Accepted"
            assert (await says(charger, "StartTransaction", START))["transactionId"] > 0
