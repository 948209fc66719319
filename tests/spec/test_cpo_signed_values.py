"""2.2.1, CDRs, SignedData: what a meter signed reaches the eMSP byte for byte, whatever it is worth."""

import base64
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyocmf
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.web.app import running_hub
from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import rfid_visit
from partners.charger.ocmf import Kind, SignedReading, Signer, base64_text, record
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.app import CpoNode
from partners.cpo.health.charger_log import Kind as Happened
from partners.cpo.health.thresholds import Thresholds
from schemas import exact_json
from schemas.v2_2_1 import CDR
from tests.fixtures.cpo_world import CPO, SPEED, World, cpo_settings, token, world
from tests.fixtures.recorder import Recorder
from tests.fixtures.roaming import joined, settings
from tests.unit.partners.cpo.test_odd_chargers import at, charger
from tests.unit.partners.cpo.test_odd_stations import CARD, EVSE, station

METER = Signer.of("M-CP1-1", seed=7)
OTHER = Signer.of("M-CP1-1", seed=8)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

LOOKS_AT_ONCE = Thresholds(look_every=timedelta(milliseconds=5))

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


def signed_record(kwh: str = "11.000", signer: Signer = METER, page: int = 2) -> str:
    readings = [
        SignedReading(NOON, Kind.BEGIN, Decimal("1.000")),
        SignedReading(NOON + HOUR, Kind.END, Decimal(kwh)),
    ]
    return record(signer, readings, page=page, token="CARD1")


#: No two signatures are the same.
RECORD = signed_record()


def named(text: str, key: Signer | None = METER) -> dict[str, str]:
    told = {"signedMeterData": base64_text(text), "encodingMethod": "OCMF"}
    return told if key is None else told | {"publicKey": base64_text(key.public_key)}


def verifies(text: str, key: str) -> bool:
    """The opinion of a library, which has read no line of ours."""
    _, payload, section = text.split("|")
    public = serialization.load_der_public_key(base64.b64decode(key))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    try:
        public.verify(
            bytes.fromhex(exact_json.decode(section.encode())["SD"]),
            payload.encode(),
            ec.ECDSA(hashes.SHA256()),
        )
    except InvalidSignature:
        return False
    return True


async def cdr_of(made: World) -> dict[str, Any]:
    cdr: dict[str, Any] = (await made.hub.receives("POST", "/receiver/cdrs")).value
    CDR.model_validate(cdr)
    return cdr


def texts(signed_data: dict[str, Any]) -> list[str]:
    return [base64.b64decode(each["signed_data"]).decode() for each in signed_data["signed_values"]]


def alarms(made: World) -> list[str]:
    rows = made.cpo.node.database.rows("SELECT kind, detail FROM charger_event ORDER BY id")
    return [row["detail"] for row in rows if row["kind"] == Happened.BAD_SIGNATURE]


def alerts(made: World) -> list[str]:
    return [each.key.rule for each in made.cpo.care.book.newest(10)]


# From the meter through the hub to the eMSP.


@each_version
async def test_what_a_meter_signed_reaches_the_emsp_through_the_hub_and_verifies_there(
    version: str, tmp_path: Path
) -> None:
    """Vector 26: a signature is over bytes; two libraries that are not ours find none changed."""
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(running_hub(settings(tmp_path / "hub"), log=None))
        emsp = await stack.enter_async_context(Recorder([("EMSP", "NL", "MSP")]))
        await joined(hub, emsp, "emsp")
        cpo = await stack.enter_async_context(CpoNode(cpo_settings(tmp_path / "cpo")))
        invitation = await hub.platforms.invite("cpo")
        await cpo.register(hub.versions_url, invitation.token)
        await cpo.until_introduced()
        url = f"{hub.public_url}/ocpi/2.2.1/receiver/tokens/NL/MSP/CARD1?type=RFID"
        await emsp.call("PUT", url, token(), to=str(CPO), sender="NL/MSP")
        time = SimulatedTime(lambda: datetime.now(UTC), SPEED)
        like = ChargerSettings(version=version, signs=True, key_seed=7)
        simulated = ChargerSimulator(f"{cpo.ocpp_url}/CP1", like, time=time)
        await stack.enter_async_context(simulated)
        await simulated.until_connected()
        await rfid_visit(simulated, 1, "CARD1", Decimal(1000))
        cdr = (await emsp.receives("POST", "/cdrs")).value
    signed = cdr["signed_data"]
    assert signed["encoding_method"] == "OCMF"
    assert [each["nature"] for each in signed["signed_values"]] == ["Start", "End"]
    key = base64.b64decode(signed["public_key"])
    assert key == METER.public_key
    for text in texts(signed):
        assert verifies(text, signed["public_key"])
        assert pyocmf.OCMF.from_string(text).verify_signature(key.hex())
    (begin, end) = exact_json.decode(texts(signed)[-1].split("|")[1].encode())["RD"]
    assert abs(end["RV"] - begin["RV"] - cdr["total_energy"]) < Decimal("0.002")


# However it is told.


@pytest.mark.parametrize(
    "value",
    [
        exact_json.encode(named(RECORD)).decode(),
        " " + exact_json.encode(named(RECORD, None)).decode(),
        RECORD,
        base64_text(RECORD),
    ],
)
async def test_each_way_in_which_1_6_tells_a_signed_value_is_read(value: str) -> None:
    """JSON with or without a key, the record as text, the record in Base64."""
    sampled = {"value": value, "format": "SignedData", "context": "Transaction.End"}
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts()
        await one.stops(number, transactionData=[{"timestamp": at(3600), "sampledValue": [sampled]}])
        cdr = await cdr_of(made)
        assert texts(cdr["signed_data"]) == [RECORD]
        assert cdr["signed_data"]["signed_values"][0]["nature"] == "End"
        assert cdr["total_energy"] == 10
        assert alarms(made) == []


async def test_an_encoding_that_nobody_here_reads_is_kept_and_not_judged() -> None:
    blob = base64.b64encode(bytes(range(256))).decode()
    told = {"signedMeterData": blob, "signingMethod": "", "encodingMethod": "EDL40", "publicKey": ""}
    sample = {"value": 11_000, "context": "Transaction.End", "signedMeterValue": told}
    async with world(tokens=(token(),)) as made, station(made) as one:
        await one.starts()
        await one.tells("Ended", 1, 3600, meterValue=[{"timestamp": at(3600), "sampledValue": [sample]}])
        cdr = await cdr_of(made)
        assert cdr["signed_data"] == {
            "encoding_method": "EDL40",
            "signed_values": [{"nature": "End", "plain_data": "11000 Wh", "signed_data": blob}],
        }
        assert alarms(made) == []


async def test_what_is_signed_on_the_way_is_intermediate_and_what_is_told_twice_is_there_once() -> None:
    pages = {page: signed_record(page=page) for page in (1, 2)}

    def sampled(context: str, page: int) -> dict[str, Any]:
        value = exact_json.encode(named(pages[page])).decode()
        return {"value": value, "format": "SignedData", "context": context}

    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts()
        for _ in range(2):
            value = {"timestamp": at(60), "sampledValue": [sampled("Sample.Clock", 1)]}
            await one.says("MeterValues", connectorId=1, transactionId=number, meterValue=[value])
        data = [
            {"timestamp": at(60), "sampledValue": [sampled("Sample.Clock", 1)]},
            {"timestamp": at(3600), "sampledValue": [sampled("Transaction.End", 2)]},
        ]
        await one.stops(number, transactionData=data)
        cdr = await cdr_of(made)
        natures = [each["nature"] for each in cdr["signed_data"]["signed_values"]]
        assert natures == ["Intermediate", "End"]


async def test_a_record_that_ocpi_has_no_room_for_is_left_out_and_kept_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sampled = {"value": "A" * 6000, "format": "SignedData", "context": "Transaction.End"}
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts()
        await one.stops(number, transactionData=[{"timestamp": at(3600), "sampledValue": [sampled]}])
        cdr = await cdr_of(made)
        assert "signed_data" not in cdr
        (kept,) = made.cpo.charging_log.signed(made.cpo.charging_log.charging(number))
        assert len(kept.signed.data) > 5000
        assert "do not fit into a CDR" in caplog.text


# What it is worth.


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (RECORD.replace("11.000", "12.000"), METER),
        (signed_record(signer=OTHER), METER),
        (RECORD[:-20], METER),
    ],
)
async def test_a_wrong_signature_raises_an_alert_and_goes_on_as_it_is(text: str, key: Signer) -> None:
    """The eMSP gets the bytes, and can see for itself; the operator hears of it."""
    sampled = {
        "value": exact_json.encode(named(text, key)).decode(),
        "format": "SignedData",
        "context": "Transaction.End",
    }
    async with world(tokens=(token(),), health=LOOKS_AT_ONCE) as made, charger(made) as one:
        number = await one.starts()
        await one.stops(number, transactionData=[{"timestamp": at(3600), "sampledValue": [sampled]}])
        cdr = await cdr_of(made)
        assert texts(cdr["signed_data"]) == [text]
        assert len(alarms(made)) == 1
        await made.cpo.until(lambda: "signature failure" in alerts(made))


async def test_a_meter_that_signs_with_another_key_than_before_raises_an_alert() -> None:
    async with world(tokens=(token(),)) as made, station(made) as one:
        for place, signer in enumerate((METER, METER, OTHER)):
            told = named(signed_record(signer=signer), signer) | {"signingMethod": ""}
            sample = {"value": 11_000, "context": "Transaction.End", "signedMeterValue": told}
            name, since = f"T-{place}", place * 7200
            await one.starts(transaction=name, timestamp=at(since), evse=EVSE, idToken=CARD)
            value = {"timestamp": at(since + 3600), "sampledValue": [sample]}
            await one.tells("Ended", 1, since + 3600, transaction=name, meterValue=[value])
            assert len(alarms(made)) == (signer is OTHER)


async def test_what_was_signed_goes_before_what_the_stop_says_besides() -> None:
    sampled = {"value": RECORD, "format": "SignedData", "context": "Transaction.End"}
    async with world(tokens=(token(),)) as made, charger(made) as one:
        number = await one.starts()
        data = [{"timestamp": at(3600), "sampledValue": [sampled]}]
        await one.stops(number, meterStop=91_000, transactionData=data)
        assert (await cdr_of(made))["total_energy"] == 10
