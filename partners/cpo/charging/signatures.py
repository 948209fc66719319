"""Whether a signed meter value was signed by the meter, as far as we can tell: OCMF, by ECDSA.

A second opinion for the operator: what is wrong raises an alert, and goes on to the eMSP byte for byte all
the same, who has to judge for itself. Other encodings are not judged here.

Source: S.A.F.E. e.V., Open Charge Metering Format 1.0, Signature Section.
"""

import base64
import binascii
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from partners.cpo.charging.signed_values import Signed
from schemas import exact_json


class Opinion(Enum):
    """What we find of a signature."""

    RIGHT = auto()
    WRONG = auto()
    #: No encoding that we read, or nobody knows the key.
    UNKNOWN = auto()


#: What OCMF signs with if the record does not say.
_USUAL: Final = "ECDSA-secp256r1-SHA256"
_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "secp192r1": ec.SECP192R1,
    "secp256k1": ec.SECP256K1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
    "brainpool256r1": ec.BrainpoolP256R1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpool384r1": ec.BrainpoolP384R1,
}
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


def opinion(signed: Signed, known_key: str | None = None) -> Opinion:
    """What we find of a signature.

    Args:
        signed: The record.
        known_key: The key with which this meter signed before, which goes before one that is told.
    """
    key = _key(known_key or signed.public_key)
    if not signed.is_ocmf or key is None:
        return Opinion.UNKNOWN
    try:
        return Opinion.RIGHT if _verifies(signed, key) else Opinion.WRONG
    except _NotRead:
        return Opinion.UNKNOWN


class _NotRead(Exception):
    """A way of signing that we do not know."""


def _verifies(signed: Signed, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        told = exact_json.decode((signed.signature or "").encode())
        method, curve, digest = str(told.get("SA", _USUAL)).split("-")
        signature = _decoded(str(told["SD"]), str(told.get("SE", "hex")))
    except (exact_json.NotJson, AttributeError, KeyError, ValueError):
        return False
    if method != "ECDSA" or digest not in _HASHES or curve not in _CURVES:
        raise _NotRead
    try:
        key.verify(signature, (signed.payload or "").encode(), ec.ECDSA(_HASHES[digest]))
    except InvalidSignature:
        return False
    return isinstance(key.curve, _CURVES[curve])


def _decoded(text: str, how: str) -> bytes:
    return base64.b64decode(text, validate=True) if how == "base64" else bytes.fromhex(text)


def _key(told: str) -> ec.EllipticCurvePublicKey | None:
    """A public key as chargers tell it: SubjectPublicKeyInfo, DER, in Base64 or hexadecimal digits."""
    for read in (base64.b64decode, bytes.fromhex, _hexadecimal_in_base64):
        try:
            key = serialization.load_der_public_key(read(told))
        except (binascii.Error, ValueError, UnsupportedAlgorithm):
            continue
        return key if isinstance(key, ec.EllipticCurvePublicKey) else None
    return None


def _hexadecimal_in_base64(told: str) -> bytes:
    return bytes.fromhex(base64.b64decode(told).decode("ascii").rpartition(":")[2])
