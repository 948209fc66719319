"""A simulated charger does what another maker's central system wants of it, in 2.0.1 and 2.1."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ocpp.exceptions import NotSupportedError

from partners.charger.charge_point import ChargerSimulator
from partners.charger.states import Outcome, Status, TxStart
from tests.fixtures.csms import Csms, foreign_csms, patiently, simulator

pytestmark = pytest.mark.parametrize("version", ["2.0.1", "2.1"])

APP = {"idToken": "APP-USER-7", "type": "Central"}
FAR = "2099-01-01T00:00:00Z"


@asynccontextmanager
async def charger_at_work(version: str, **settings: Any) -> AsyncIterator[tuple[Csms, ChargerSimulator]]:
    async with foreign_csms() as csms, simulator(csms, version, **settings) as charger:
        await patiently(charger.until_connected())
        await patiently(charger.until_told())
        yield csms, charger


def variable(component: str, name: str, **more: str) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


def profile(purpose: str = "TxProfile", **more: Any) -> dict[str, Any]:
    periods = [{"startPeriod": 0, "limit": 10.0}, {"startPeriod": 1800, "limit": 0.0}]
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    return {
        "id": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
        **more,
    }


async def test_a_remote_start_and_a_remote_stop_make_a_session_that_names_the_start(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        asked = await csms.ask("RequestStartTransaction", idToken=APP, remoteStartId=77, evseId=1)
        assert asked == {"status": "Accepted"}
        started = await csms.until_told("TransactionEvent")
        assert started["triggerReason"] == "RemoteStart"
        assert started["idToken"] == APP
        assert started["transactionInfo"]["remoteStartId"] == 77
        number = started["transactionInfo"]["transactionId"]
        again = await csms.ask("RequestStartTransaction", idToken=APP, remoteStartId=78, evseId=1)
        assert again == {"status": "Rejected", "statusInfo": {"reasonCode": "TxInProgress"}}
        assert await csms.ask("RequestStopTransaction", transactionId="nobody") == {"status": "Rejected"}
        assert await csms.ask("RequestStopTransaction", transactionId=number) == {"status": "Accepted"}
        await patiently(csms.until(lambda: csms.events("Ended")))
    (ended,) = csms.events("Ended")
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
    assert csms.told("Authorize") == []


async def test_a_remote_start_at_a_waiting_car_names_its_transaction_and_may_be_silent_about_its_id(
    version: str,
) -> None:
    settings = {"tx_start": TxStart.EV_CONNECTED, "tells_remote_start_id": False}
    async with charger_at_work(version, **settings) as (csms, charger):
        charger.plug_in(1)
        started = await csms.until_told("TransactionEvent")
        asked = await csms.ask("RequestStartTransaction", idToken=APP, remoteStartId=77, evseId=1)
        assert asked["transactionId"] == started["transactionInfo"]["transactionId"]
        await patiently(csms.until(lambda: any("idToken" in each for each in csms.events())))
    updated = next(each for each in csms.events() if "idToken" in each)
    assert updated["triggerReason"] == "RemoteStart"
    assert updated["idToken"] == APP
    assert "remoteStartId" not in updated["transactionInfo"]


async def test_a_remote_start_brings_a_profile_which_goes_with_its_transaction(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        wanted = {"idToken": APP, "remoteStartId": 1, "evseId": 1, "chargingProfile": profile()}
        assert await csms.ask("RequestStartTransaction", **wanted) == {"status": "Accepted"}
        number = await patiently(charger.until_numbered(1))
        assert charger.connector(1).power_w <= 10 * 3 * 230
        await csms.ask("GetChargingProfiles", requestId=3, chargingProfile={"chargingProfileId": [5]})
        report = await csms.until_told("ReportChargingProfiles")
        assert report["chargingProfile"][0]["transactionId"] == number
        await csms.ask("RequestStopTransaction", transactionId=number)
        await patiently(charger.until_status(1, Status.FINISHING))
        assert await csms.ask("ClearChargingProfile", chargingProfileId=5) == {"status": "Unknown"}


async def test_variables_are_read_changed_and_obeyed(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        interval = variable("SampledDataCtrlr", "TxUpdatedInterval")
        wanted = [
            interval | {"attributeValue": "30"},
            variable("TxCtrlr", "TxStartPoint", attributeValue="EVConnected,Authorized"),
            variable("TxCtrlr", "TxStartPoint", attributeValue="Sometimes"),
            variable("SmartChargingCtrlr", "ProfileStackLevel", attributeValue="3"),
            variable("TxCtrlr", "Nonsense", attributeValue="1"),
            variable("Nonsense", "TxStartPoint", attributeValue="1"),
        ]
        results = (await csms.ask("SetVariables", setVariableData=wanted))["setVariableResult"]
        assert [each["attributeStatus"] for each in results] == [
            "Accepted",
            "Accepted",
            "Rejected",
            "Rejected",
            "UnknownVariable",
            "UnknownComponent",
        ]
        target = interval | {"attributeType": "Target"}
        asked = await csms.ask("GetVariables", getVariableData=[interval, target])
        values = [
            (each["attributeStatus"], each.get("attributeValue")) for each in asked["getVariableResult"]
        ]
        assert values == [("Accepted", "30"), ("NotSupportedAttributeType", None)]
        charger.plug_in(1)
        assert (await csms.until_told("TransactionEvent"))["triggerReason"] == "CablePluggedIn"


async def test_the_base_report_is_told_in_parts(version: str) -> None:
    async with charger_at_work(version) as (csms, _):
        asked = await csms.ask("GetBaseReport", requestId=9, reportBase="FullInventory")
        assert asked == {"status": "Accepted"}
        await patiently(csms.until(lambda: [e for e in csms.told("NotifyReport") if not e["tbc"]]))
        refused = await csms.ask("GetBaseReport", requestId=10, reportBase="SummaryInventory")
        assert refused == {"status": "NotSupported"}
    parts = csms.told("NotifyReport")
    assert [each["seqNo"] for each in parts] == list(range(len(parts)))
    assert len(parts) > 1
    named = {(r["component"]["name"], r["variable"]["name"]) for each in parts for r in each["reportData"]}
    assert {("TxCtrlr", "TxStartPoint"), ("OCPPCommCtrlr", "HeartbeatInterval")} <= named


async def test_a_profile_holds_the_current_down_is_told_again_and_is_cleared(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        number = charger.connector(1).transaction_id
        given = profile(transactionId=number)
        assert await csms.ask("SetChargingProfile", evseId=1, chargingProfile=given) == {"status": "Accepted"}
        assert charger.connector(1).power_w <= 10 * 3 * 230
        composed = await csms.ask("GetCompositeSchedule", evseId=1, duration=3600, chargingRateUnit="A")
        limits = [each["limit"] for each in composed["schedule"]["chargingSchedulePeriod"]]
        assert limits == [10, 0]
        got = await csms.ask("GetChargingProfiles", requestId=3, chargingProfile={"chargingProfileId": [5]})
        assert got == {"status": "Accepted"}
        report = await csms.until_told("ReportChargingProfiles")
        assert (report["requestId"], report["evseId"], report["chargingProfile"]) == (3, 1, [given])
        wrong = profile(transactionId="another")
        assert await csms.ask("SetChargingProfile", evseId=1, chargingProfile=wrong) == {"status": "Rejected"}
        await patiently(charger.until_status(1, Status.SUSPENDED_EVSE))
        criteria = {"evseId": 1, "chargingProfilePurpose": "TxProfile"}
        cleared = await csms.ask("ClearChargingProfile", chargingProfileCriteria=criteria)
        assert cleared == {"status": "Accepted"}
        assert await csms.ask("ClearChargingProfile", chargingProfileId=5) == {"status": "Unknown"}
        none = {"chargingProfilePurpose": "ChargingStationMaxProfile"}
        got = await csms.ask("GetChargingProfiles", requestId=4, chargingProfile=none)
        assert got == {"status": "NoProfiles"}
        assert await csms.ask("GetCompositeSchedule", evseId=9, duration=60) == {"status": "Rejected"}
        await patiently(charger.until_told())
    assert "SuspendedEVSE" in [each["transactionInfo"]["chargingState"] for each in csms.events()]


async def test_a_whole_station_is_limited_and_what_nobody_does_here_is_rejected(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        most = profile("ChargingStationMaxProfile")
        assert await csms.ask("SetChargingProfile", evseId=0, chargingProfile=most) == {"status": "Accepted"}
        assert charger.connector(1).power_w <= 10 * 3 * 230
        external = profile("ChargingStationExternalConstraints")
        asked = await csms.ask("SetChargingProfile", evseId=0, chargingProfile=external)
        assert asked == {"status": "Rejected"}


async def test_a_reserved_evse_is_kept_for_its_token_and_the_transaction_names_the_reservation(
    version: str,
) -> None:
    async with charger_at_work(version) as (csms, charger):
        asked = await csms.ask("ReserveNow", id=7, expiryDateTime=FAR, idToken=APP, evseId=1)
        assert asked == {"status": "Accepted"}
        await patiently(charger.until_status(1, Status.RESERVED))
        charger.plug_in(1)
        assert await charger.tap(1, "OTHER") == "Invalid"
        assert await charger.tap(1, APP["idToken"]) == "Accepted"
        started = await csms.until_told("TransactionEvent")
    assert started["reservationId"] == 7
    assert csms.statuses()[:2] == ["Available", "Reserved"]


async def test_a_reservation_expires_is_told_so_or_is_cancelled(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        soon = (charger.time.now() + timedelta(seconds=60)).isoformat().replace("+00:00", "Z")
        await csms.ask("ReserveNow", id=7, expiryDateTime=soon, idToken=APP, evseId=1)
        over = await csms.until_told("ReservationStatusUpdate")
        assert over == {"reservationId": 7, "reservationUpdateStatus": "Expired"}
        await csms.ask("ReserveNow", id=8, expiryDateTime=FAR, idToken=APP)
        assert await csms.ask("CancelReservation", reservationId=8) == {"status": "Accepted"}
        assert await csms.ask("CancelReservation", reservationId=8) == {"status": "Rejected"}
        await patiently(charger.until_told())
        charger.break_down(1)
        refused = await csms.ask("ReserveNow", id=9, expiryDateTime=FAR, idToken=APP, evseId=1)
        assert refused == {"status": "Faulted"}


async def test_a_cable_is_unlocked_unless_somebody_charges(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        unlocked = {"evseId": 1, "connectorId": 1}
        assert await csms.ask("UnlockConnector", **unlocked) == {"status": "Unlocked"}
        assert await csms.ask("UnlockConnector", evseId=1, connectorId=2) == {"status": "UnknownConnector"}
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        asked = await csms.ask("UnlockConnector", **unlocked)
        assert asked == {"status": "OngoingAuthorizedTransaction"}
        assert charger.connector(1).id_tag == "TAG"


async def test_a_cable_that_jams_says_so(version: str) -> None:
    async with charger_at_work(version, unlock=Outcome.UNLOCK_FAILED) as (csms, _):
        assert await csms.ask("UnlockConnector", evseId=1, connectorId=1) == {"status": "UnlockFailed"}


async def test_what_is_triggered_is_said(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        for requested in ("StatusNotification", "TransactionEvent", "MeterValues"):
            asked = await csms.ask("TriggerMessage", requestedMessage=requested, evse={"id": 1})
            assert asked == {"status": "Accepted"}
        assert (await csms.until_told("MeterValues"))["evseId"] == 1
        (event,) = [each for each in csms.events("Updated") if each["triggerReason"] == "Trigger"]
        assert event["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
        assert csms.statuses() == ["Available", "Occupied", "Occupied"]
        await csms.ask("TriggerMessage", requestedMessage="BootNotification")
        assert (await csms.until_told("BootNotification", 2))["reason"] == "Triggered"
        beats = len(csms.told("Heartbeat"))
        await csms.ask("TriggerMessage", requestedMessage="Heartbeat")
        await csms.until_told("Heartbeat", beats + 1)
        asked = await csms.ask("TriggerMessage", requestedMessage="LogStatusNotification")
        assert asked == {"status": "NotImplemented"}
        asked = await csms.ask("TriggerMessage", requestedMessage="StatusNotification", evse={"id": 9})
        assert asked == {"status": "Rejected"}


async def test_an_evse_goes_out_of_use_at_once_or_when_its_transaction_is_over(version: str) -> None:
    async with charger_at_work(version, connectors=2) as (csms, charger):
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        asked = await csms.ask("ChangeAvailability", operationalStatus="Inoperative")
        assert asked == {"status": "Scheduled"}
        await patiently(charger.until_status(2, Status.UNAVAILABLE))
        charger.unplug(1)
        assert charger.connector(1).status == "Unavailable"
        asked = await csms.ask("ChangeAvailability", operationalStatus="Operative", evse={"id": 1})
        assert asked == {"status": "Accepted"}
        await patiently(charger.until_status(1, Status.AVAILABLE))
        await patiently(charger.until_told())
    assert csms.statuses(2) == ["Available", "Unavailable"]


async def test_an_immediate_reset_ends_transactions_and_boots_again(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await csms.ask("Reset", type="Immediate") == {"status": "Accepted"}
        assert (await csms.until_told("BootNotification", 2))["reason"] == "RemoteReset"
        await patiently(csms.until(lambda: csms.events("Ended")))
    (ended,) = csms.events("Ended")
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == (
        "ResetCommand",
        "ImmediateReset",
    )


async def test_a_reset_on_idle_waits_for_the_last_transaction(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        assert await csms.ask("Reset", type="OnIdle") == {"status": "Scheduled"}
        await patiently(charger.until_energy(1, Decimal(1000)))
        assert len(csms.told("BootNotification")) == 1
        await charger.tap(1, "TAG")
        await csms.until_told("BootNotification", 2)
    assert csms.events("Ended")[0]["transactionInfo"]["stoppedReason"] == "Local"


async def test_the_local_list_counts_offline_and_the_cache_can_be_emptied(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        charger.configuration.change("AllowOfflineTxForUnknownId", "false")
        listed = [
            {"idToken": {"idToken": "FRIEND", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}},
            {"idToken": {"idToken": "FOE", "type": "ISO14443"}, "idTokenInfo": {"status": "Blocked"}},
        ]
        full = {"versionNumber": 3, "updateType": "Full", "localAuthorizationList": listed}
        assert await csms.ask("SendLocalList", **full) == {"status": "Accepted"}
        assert await csms.ask("GetLocalListVersion") == {"versionNumber": 3}
        gone = {"idToken": {"idToken": "FOE", "type": "ISO14443"}}
        change = {"updateType": "Differential", "localAuthorizationList": [gone]}
        assert await csms.ask("SendLocalList", versionNumber=3, **change) == {"status": "VersionMismatch"}
        assert await charger.tap(1, "KNOWN") == "Accepted"
        await charger.go_offline()
        charger.break_down(1)
        charger.repair(1)
        assert await _offline_verdict(charger, "FOE") == "Blocked"
        assert await _offline_verdict(charger, "STRANGER") == "Invalid"
        assert await _offline_verdict(charger, "friend") == "Accepted"
        assert await _offline_verdict(charger, "KNOWN") == "Accepted"
        charger.go_online()
        await patiently(charger.until_connected())
        assert await csms.ask("SendLocalList", versionNumber=4, **change) == {"status": "Accepted"}
        assert await csms.ask("ClearCache") == {"status": "Accepted"}
        await charger.go_offline()
        assert await _offline_verdict(charger, "KNOWN") == "Invalid"
        assert await _offline_verdict(charger, "FOE") == "Invalid"


async def _offline_verdict(charger: ChargerSimulator, card: str) -> str:
    """What a card is told; who may charge drives away again."""
    verdict = await charger.tap(1, card)
    charger.break_down(1)
    charger.repair(1)
    return verdict


async def test_a_certificate_is_asked_for_and_taken_only_for_its_own_key(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        await csms.ask("TriggerMessage", requestedMessage="SignChargingStationCertificate")
        asked = await csms.until_told("SignCertificate")
        request = x509.load_pem_x509_csr(asked["csr"].encode())
        assert "CN=CP001" in request.subject.rfc4514_string()
        strange = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
        assert await csms.ask("CertificateSigned", certificateChain=strange) == {"status": "Rejected"}
        assert await csms.ask("CertificateSigned", certificateChain="nonsense") == {"status": "Rejected"}
        own = certificate(request.public_key())
        assert await csms.ask("CertificateSigned", certificateChain=own) == {"status": "Accepted"}
        assert charger.dialect.certificate.chain == own


def certificate(key: Any) -> str:
    """What an authority made of a request (PEM)."""
    authority = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


async def test_the_status_of_a_transaction_is_known(version: str) -> None:
    async with charger_at_work(version) as (csms, charger):
        assert await csms.ask("GetTransactionStatus") == {"messagesInQueue": False}
        charger.plug_in(1)
        await charger.tap(1, "TAG")
        number = charger.connector(1).transaction_id
        asked = await csms.ask("GetTransactionStatus", transactionId=number)
        assert asked["ongoingIndicator"] is True
        await charger.tap(1, "TAG")
        asked = await csms.ask("GetTransactionStatus", transactionId=number)
        assert asked["ongoingIndicator"] is False


async def test_data_of_vendors_is_not_known_and_what_is_not_offered_is_not_supported(version: str) -> None:
    async with charger_at_work(version) as (csms, _):
        assert await csms.ask("DataTransfer", vendorId="somebody") == {"status": "UnknownVendorId"}
        with pytest.raises(NotSupportedError):
            await csms.ask("GetDisplayMessages", requestId=1)
