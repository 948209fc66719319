"""Signed meter values as chargers tell them, kept as the bytes that they are, and as a CDR hands them on.

| told as                                                        | OCPP |
|----------------------------------------------------------------|------|
| `signedMeterValue` beside the number                           | 2.x  |
| the value is JSON with `signedMeterData`                       | 1.6  |
| format SignedData, the value is the record, as text or Base64  | 1.6  |

Nothing of a record is ever spelled anew: a signature is over bytes. OCPI wants Base64, so what was told as
Base64 goes on as it is, and what was told as text is encoded, and decodes to the same text.

Sources: 2.2.1, CDRs, SignedData and SignedValue; OCPP 2.0.1, SignedMeterValueType; OCMF 1.0.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from schemas import exact_json
from schemas.v2_2_1 import SignedData

OCMF: Final = "OCMF"
#: Where a charger does not say how a record is to be read.
_UNNAMED: Final = "unknown"
_SEPARATOR: Final = "|"
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")

#: What OCPI has room for: characters.
_LONGEST_BLOB: Final = 5000
_LONGEST_PLAIN: Final = 512
_LONGEST_KEY: Final = 512
_LONGEST_METHOD: Final = 36

_NATURES: Final[Mapping[str, str]] = {"Transaction.Begin": "Start", "Transaction.End": "End"}
_INTERMEDIATE: Final = "Intermediate"

#: OCMF's units of energy, in Wh.
_WATT_HOURS: Final[Mapping[str, Decimal]] = {
    "Wh": Decimal(1),
    "kWh": Decimal(1000),
    "MWh": Decimal(1_000_000),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """One signed value."""

    #: Base64, as it was told, or of the text that was told.
    data: str
    #: As OCMF; empty where the charger does not say.
    encoding: str = ""
    #: How it was signed, where the charger says so beside the record.
    signing: str = ""
    #: As it was told, Base64; empty where the charger does not say.
    public_key: str = ""

    @property
    def record(self) -> bytes:
        """What was signed, and its signature."""
        try:
            return base64.b64decode(self.data)
        except (binascii.Error, ValueError):
            return self.data.encode("utf-8", "replace")

    @property
    def method(self) -> str:
        """How the record is to be read."""
        return (self.encoding or (OCMF if self.is_ocmf else _UNNAMED))[:_LONGEST_METHOD]

    @property
    def is_ocmf(self) -> bool:
        """Whether the record is one of OCMF, whatever the charger calls it."""
        return self.record.startswith(b"OCMF|")

    @property
    def payload(self) -> str | None:
        """What is signed in a record of OCMF."""
        parts = self._text.split(_SEPARATOR, 2)
        return parts[1] if self.is_ocmf and len(parts) == _PARTS else None

    @property
    def signature(self) -> str | None:
        """The section of a record of OCMF that has the signature."""
        parts = self._text.rsplit(_SEPARATOR, 1)
        return parts[1] if self.payload is not None else None

    @property
    def register_wh(self) -> Decimal | None:
        """The last register that a record of OCMF tells, Wh; None: it tells none that can be read."""
        try:
            last = exact_json.decode((self.payload or "").encode())["RD"][-1]
            value = Decimal(last["RV"]) * _WATT_HOURS[last["RU"]]
        except (exact_json.NotJson, KeyError, IndexError, TypeError, ValueError, InvalidOperation):
            return None
        return value if value.is_finite() else None

    @property
    def _text(self) -> str:
        return self.record.decode("utf-8", "replace")


#: Of a record of OCMF: its name, what is signed, the signature.
_PARTS: Final = 3


def told_signed(sampled: Mapping[str, Any]) -> Signed | None:
    """The signed value in a sampled value of OCPP; None: there is none."""
    told = sampled.get("signedMeterValue")
    if told is not None:
        return _named(told)
    text = str(sampled["value"])
    named = _object(text)
    if isinstance(named.get("signedMeterData"), str):
        return _named(named)
    return Signed(_in_base64(text)) if sampled.get("format") == "SignedData" else None


def _object(text: str) -> Mapping[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        return dict(exact_json.decode(text.encode("utf-8", "replace")))
    except (exact_json.NotJson, TypeError, ValueError):
        return {}


def _named(told: Mapping[str, Any]) -> Signed:
    return Signed(
        # OCPP says that it is Base64; a record that was put there as text is still no loss.
        data=_told(str(told["signedMeterData"])),
        encoding=str(told.get("encodingMethod") or ""),
        signing=str(told.get("signingMethod") or ""),
        public_key=str(told.get("publicKey") or ""),
    )


def _in_base64(text: str) -> str:
    """The text itself if it is Base64, else the Base64 of it; hexadecimal digits are a text."""
    return _encoded(text) if _HEXADECIMAL.fullmatch(text) else _told(text)


def _told(text: str) -> str:
    try:
        return text if base64.b64decode(text, validate=True) else _encoded(text)
    except (binascii.Error, ValueError):
        return _encoded(text)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


@dataclass(frozen=True, slots=True)
class KeptSigned:
    """A signed value of a transaction."""

    signed: Signed
    #: Why it was sampled: Transaction.Begin, Transaction.End, …
    context: str
    #: The register that was told beside it, Wh.
    energy_wh: Decimal | None = None


def signed_data(kept: Sequence[KeptSigned], known_key: str | None = None) -> SignedData | None:
    """The signed values of a transaction, as its CDR has them; None: there are none that fit.

    A CDR names one encoding and one key: those of the last value. Values in another encoding, and those that
    are longer than OCPI allows, are left out; the log has them.

    Args:
        kept: In order of time.
        known_key: The key of the meter, where the charger does not tell it.
    """
    fitting = [each for each in kept if len(each.signed.data) <= _LONGEST_BLOB]
    if not fitting:
        return None
    last = fitting[-1].signed
    told_keys = [each.signed.public_key for each in fitting if each.signed.public_key]
    key = told_keys[-1] if told_keys else known_key
    value = {
        "encoding_method": last.method,
        "public_key": key if key and len(key) <= _LONGEST_KEY else None,
        "signed_values": [
            {
                "nature": _NATURES.get(each.context, _INTERMEDIATE),
                "plain_data": _plain(each),
                "signed_data": each.signed.data,
            }
            for each in fitting
            if each.signed.method == last.method
        ],
    }
    return SignedData.model_validate({name: each for name, each in value.items() if each is not None})


def left_out(kept: Sequence[KeptSigned]) -> int:
    """How many signed values of a transaction a CDR has no room for."""
    found = signed_data(kept)
    return len(kept) - (0 if found is None else len(found.signed_values))


def _plain(kept: KeptSigned) -> str:
    """What was signed, readable; where it is too long or no text, the register."""
    signed = kept.signed
    for text in (signed.record.decode("utf-8", "replace"), signed.payload or ""):
        if 0 < len(text) <= _LONGEST_PLAIN and text.isprintable() and "\ufffd" not in text:
            return text
    wh = signed.register_wh if kept.energy_wh is None else kept.energy_wh
    return _NATURES.get(kept.context, _INTERMEDIATE) if wh is None else f"{wh:f} Wh"
