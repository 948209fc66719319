r"""Signed meter values in OCMF: `OCMF|{payload}|{signature}`, by ECDSA over secp256r1 and SHA-256. Pure.

The signature is over the bytes of the payload exactly as they stand between the bars, so that nobody may
spell them anew. What a record says:

| field | meaning                                                    |
|-------|------------------------------------------------------------|
| FV GI GS GV | version of the format; make, serial and version of the gateway |
| PG    | pagination: T (transaction) and a number that counts up    |
| MV MM MS MF | maker, model, serial number and firmware of the meter |
| IS IL IF IT ID | whether, how well, and as whom somebody was identified |
| RD    | readings: TM time and its quality, TX kind, RV value, RI OBIS code, RU unit, ST status |

Source: S.A.F.E. e.V., Open Charge Metering Format 1.0.
"""

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from schemas import exact_json

#: The number of an RFID card: four bytes, or seven.
_CARD = re.compile(r"(?:[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14})")

ENCODING = "OCMF"
ALGORITHM = "ECDSA-secp256r1-SHA256"

#: Energy to the car, as measured at the meter of a charger.
_IMPORT_REGISTER = "01-00:98.08.00.FF"


class Kind(StrEnum):
    """At which point of a transaction a reading was taken."""

    BEGIN = "B"
    END = "E"


class SignedReading(NamedTuple):
    """One reading in a record."""

    at: datetime
    kind: Kind
    #: The register, kWh.
    kwh: Decimal


class Signer(NamedTuple):
    """A meter that can sign."""

    meter_serial: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, meter_serial: str, seed: int | None = None) -> "Signer":
        """A signing meter; with a seed its key is always the same, which only a simulation may do."""
        curve = ec.SECP256R1()
        if seed is None:
            return cls(meter_serial, ec.generate_private_key(curve))
        digest = hashes.Hash(hashes.SHA256())
        digest.update(f"{meter_serial}/{seed}".encode())
        # Never 0, and below the order of the curve, which begins with 32 ones.
        value = int.from_bytes(digest.finalize()) >> 1 | 1
        return cls(meter_serial, ec.derive_private_key(value, curve))

    @property
    def public_key(self) -> bytes:
        """As SubjectPublicKeyInfo, DER."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def record(signer: Signer, readings: Sequence[SignedReading], *, page: int, token: str | None) -> str:
    """One signed record.

    Args:
        signer: Whose readings they are.
        readings: Oldest first, at least one.
        page: Number of the record; counts up.
        token: Who charges, if it is known.
    """
    payload = exact_json.encode(
        {
            "FV": "1.0",
            "GI": "ocpi-hub simulated charger",
            "GS": signer.meter_serial,
            "GV": "1",
            "PG": f"T{page}",
            "MV": "ocpi-hub",
            "MM": "Simulated meter",
            "MS": signer.meter_serial,
            "MF": "1",
            **_identification(token),
            "RD": [_reading(each) for each in readings],
        }
    ).decode()
    signature = signer.key.sign(payload.encode(), ec.ECDSA(hashes.SHA256()))
    section = exact_json.encode(
        {"SA": ALGORITHM, "SE": "hex", "SM": "application/x-der", "SD": signature.hex()}
    )
    return f"{ENCODING}|{payload}|{section.decode()}"


def verifies(text: str, public_key: bytes) -> bool:
    """Whether a record was signed with the key (DER), and not changed since.

    Only what `record` writes: a secp256r1 signature in hexadecimal.
    """
    encoding, _, rest = text.partition("|")
    payload, _, signed = rest.partition("|")
    if encoding != ENCODING:
        return False
    key = serialization.load_der_public_key(public_key)
    try:
        section = exact_json.decode(signed)
        signature = bytes.fromhex(section["SD"])
    except (exact_json.NotJson, KeyError, TypeError, ValueError):
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey) or section.get("SA") != ALGORITHM:
        return False
    try:
        key.verify(signature, payload.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def base64_text(content: bytes | str) -> str:
    """How OCPP carries records and keys."""
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def _identification(token: str | None) -> dict[str, Any]:
    if token is None:
        return {"IS": False, "IL": "NONE", "IF": [], "IT": "NONE", "ID": ""}
    # An id that no card can have was given out by the central system.
    kind = "ISO14443" if _CARD.fullmatch(token) else "CENTRAL"
    return {"IS": True, "IL": "HEARSAY", "IF": ["OCPP_RS_TLS"], "IT": kind, "ID": token}


def _reading(reading: SignedReading) -> dict[str, Any]:
    at = reading.at.astimezone(UTC)
    return {
        "TM": f"{at:%Y-%m-%dT%H:%M:%S},{at.microsecond // 1000:03d}+0000 S",
        "TX": reading.kind,
        "RV": reading.kwh,
        "RI": _IMPORT_REGISTER,
        "RU": "kWh",
        "RT": "AC",
        "EF": "",
        "ST": "G",
    }
