"""What a simulated charger says to frames that are wrong, and what it does when the link is lost."""

from decimal import Decimal
from typing import Any

import pytest

from partners.charger.driver import rfid_visit
from tests.fixtures.csms import Csms, foreign_csms, patiently, simulator

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


async def answer_to(csms: Csms, text: str) -> list[Any]:
    """What the charger says to a text, past the other maker's engine, which would not send it."""
    before = len(csms.raw)
    await csms.send_raw(text)
    await csms.until(lambda: len(csms.raw) > before)
    return csms.raw[before]


@each_version
async def test_what_is_wrong_with_a_call_is_said_in_the_words_of_the_version(version: str) -> None:
    is_16 = version == "1.6"
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_told())
        cases = [
            ('[2,"a","Fly",{}]', "NotImplemented"),
            ('[2,"b","DataTransfer",{"vendorId":5}]', "TypeConstraintViolation"),
            ('[2,"c","Reset",{"type":"Maybe"}]', "PropertyConstraintViolation"),
            (
                '[2,"d","Reset",{}]',
                "OccurenceConstraintViolation" if is_16 else "OccurrenceConstraintViolation",
            ),
            ('[2,"e","ClearCache",{"x":1}]', "FormationViolation" if is_16 else "FormatViolation"),
            (
                '[2,"f","GetInstalledCertificateIds",{"certificateType":"CentralSystemRootCertificate"}]',
                "NotSupported",
            )
            if is_16
            else ('[2,"f","GetInstalledCertificateIds",{}]', "NotSupported"),
        ]
        for text, code in cases:
            frame = await answer_to(csms, text)
            assert frame[:3] == [4, text[4], code]
        # It is none the worse for it.
        assert await csms.ask("ClearCache") == {"status": "Accepted"}


@each_version
async def test_frames_that_make_no_sense_are_passed_over_or_refused_and_the_link_stays(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_told())
        for text in ("nonsense", "{}", "[]", '[3,"nobody",{}]', '[4,"nobody","X","",{}]', "[7]"):
            await csms.send_raw(text)
        assert await csms.ask("ClearCache") == {"status": "Accepted"}
        assert csms.links == [f"ocpp{version}"]


@each_version
async def test_a_link_that_is_lost_in_the_middle_of_a_session_costs_nothing(version: str) -> None:
    async with foreign_csms() as csms, simulator(csms, version) as charger:
        await patiently(charger.until_told())
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        await csms.close()
        await patiently(charger.until(lambda: not charger.is_connected))
        await charger.tap(1, "TAG")
        charger.unplug(1)
        await patiently(charger.until_told())
        assert len(csms.links) == 2
        assert len(csms.told("BootNotification")) == 1
    last = csms.told("StopTransaction") if version == "1.6" else csms.events("Ended")
    assert len(last) == 1


async def test_a_central_system_of_another_version_is_no_central_system() -> None:
    seen: list[str] = []
    async with foreign_csms() as csms:
        csms.speaks = ("ocpp1.6",)
        charger = simulator(csms, "2.0.1", onlooker=lambda each: seen.append(each.what))
        async with charger:
            await patiently(charger.until(lambda: bool(seen)))
    assert "does not speak ocpp2.0.1" in seen[0]


async def test_1_6_has_a_local_list_a_cache_and_certificates_too() -> None:
    async with foreign_csms() as csms, simulator(csms, "1.6") as charger:
        await patiently(charger.until_told())
        friend = {"idTag": "FRIEND", "idTagInfo": {"status": "Accepted"}}
        full = {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [friend]}
        assert await csms.ask("SendLocalList", **full) == {"status": "Accepted"}
        assert await csms.ask("GetLocalListVersion") == {"listVersion": 2}
        gone = {
            "listVersion": 3,
            "updateType": "Differential",
            "localAuthorizationList": [{"idTag": "FRIEND"}],
        }
        assert await csms.ask("SendLocalList", **gone) == {"status": "Accepted"}
        assert await csms.ask("SendLocalList", **gone) == {"status": "VersionMismatch"}
        assert await csms.ask("DataTransfer", vendorId="somebody") == {"status": "UnknownVendorId"}
        await csms.ask("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
        assert "CERTIFICATE REQUEST" in (await csms.until_told("SignCertificate"))["csr"]
        assert await csms.ask("CertificateSigned", certificateChain="nonsense") == {"status": "Rejected"}


async def test_an_accepted_token_is_not_asked_about_again_where_that_is_set() -> None:
    async with foreign_csms() as csms, simulator(csms, "2.0.1") as charger:
        await patiently(charger.until_told())
        charger.configuration.change("LocalPreAuthorize", "true")
        for _ in range(2):
            await patiently(rfid_visit(charger, 1, "TAG", Decimal(100)))
    assert len(csms.told("Authorize")) == 1
    assert len(csms.events("Ended")) == 2


async def test_a_remote_start_of_1_6_brings_a_profile_which_is_gone_with_its_transaction() -> None:
    async with foreign_csms() as csms, simulator(csms, "1.6") as charger:
        await patiently(charger.until_told())
        charger.plug_in(1)
        periods = [{"startPeriod": 0, "limit": 10.0}]
        profile = {
            "chargingProfileId": 5,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
        }
        await csms.ask("RemoteStartTransaction", idTag="APP", connectorId=1, chargingProfile=profile)
        await patiently(charger.until_energy(1, Decimal(200)))
        assert 0 < charger.connector(1).power_w <= 10 * 3 * 230
        charger.unplug(1)
        await patiently(rfid_visit(charger, 1, "TAG", Decimal(600)))
    powers = [
        Decimal(sample["value"])
        for each in csms.told("MeterValues")
        if each["transactionId"] == 2
        for sample in each["meterValue"][0]["sampledValue"]
        if sample["measurand"] == "Power.Active.Import"
    ]
    assert max(powers) > 10 * 3 * 230
