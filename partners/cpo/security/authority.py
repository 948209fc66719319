"""The CPO's own small certificate authority: it signs chargers' requests, and takes back what it signed.

A certificate names its charger (common name) and the CPO (organisation), as OCPP 1.6's security whitepaper
and 2.x want it (A00, A02). Whether one is good is decided by what is kept here: it must be one that was
issued to this charger, and is not revoked.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.ocpi.timestamps import Clock, format_timestamp, parse_timestamp
from partners.database import Database

TABLES = """
CREATE TABLE IF NOT EXISTS certificate_authority (
    id INTEGER PRIMARY KEY CHECK (id = 1), certificate TEXT NOT NULL, key TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS charger_certificate (
    serial TEXT PRIMARY KEY,
    charger TEXT NOT NULL,
    certificate TEXT NOT NULL,
    not_after TEXT NOT NULL,
    revoked_at TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS charger_certificate_of ON charger_certificate (charger);
"""

_OWN_LIFE: Final = timedelta(days=3650)
#: Clocks of chargers are not exact.
_BACKDATED: Final = timedelta(hours=1)
#: Bits of an RSA key at least (whitepaper: 2048).
_SHORTEST_RSA: Final = 2048
_SHORTEST_CURVE: Final = 224


class NotSigned(Exception):
    """A request for a certificate is refused; the message says why."""


class Issued(NamedTuple):
    """A certificate that was issued to a charger."""

    serial: str
    charger: str
    not_after: datetime
    is_revoked: bool


class Authority:
    """Signs, knows again, revokes.

    Args:
        database: Keeps key and certificates; the file is readable by its owner only.
        clock: The present instant.
        organisation: Name of the CPO, in every certificate.
        life: How long a charger's certificate is good.
    """

    def __init__(self, database: Database, clock: Clock, organisation: str, life: timedelta) -> None:
        self._database = database
        self._clock = clock
        self.organisation = organisation
        self._life = life
        database.define(TABLES)
        row = database.row("SELECT certificate, key FROM certificate_authority")
        if row is None:
            self._certificate, self._key = self._made()
        else:
            self._certificate = x509.load_pem_x509_certificate(row["certificate"].encode())
            key = serialization.load_pem_private_key(row["key"].encode(), password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise TypeError("the authority's key is of a kind that it never makes")
            self._key = key

    @property
    def pem(self) -> str:
        """Its own certificate."""
        return _pem(self._certificate)

    def sign(self, charger: str, request: str) -> str:
        """The certificate for a charger's request (PKCS#10, PEM), with the authority's own behind it, PEM.

        Raises:
            NotSigned: It is no request, is not proved by its key, or is for somebody else.
        """
        wanted = _request(request)
        if not wanted.is_signature_valid:
            raise NotSigned("it is not signed by its own key")
        names = _names(wanted.subject, NameOID.COMMON_NAME)
        if names != [charger]:
            raise NotSigned(f"it is for {', '.join(names) or 'nobody'}")
        organisations = _names(wanted.subject, NameOID.ORGANIZATION_NAME)
        if organisations not in ([], [self.organisation]):
            raise NotSigned(f"its organisation is {', '.join(organisations)}, not {self.organisation}")
        certificate = self._issued(charger, wanted)
        return _pem(certificate) + self.pem

    def refusal(self, charger: str, der: bytes) -> str | None:
        """Why this certificate does not prove that somebody is this charger; None: it does.

        The TLS library has seen to it that whoever sent it has its key.
        """
        try:
            shown = x509.load_der_x509_certificate(der)
            shown.verify_directly_issued_by(self._certificate)
        except (ValueError, TypeError, InvalidSignature):
            return "is not of our authority"
        if _names(shown.subject, NameOID.COMMON_NAME) != [charger]:
            return "is that of another charger"
        if _names(shown.subject, NameOID.ORGANIZATION_NAME) != [self.organisation]:
            return "is for another organisation"
        row = self._database.row(
            "SELECT charger, revoked_at FROM charger_certificate WHERE serial = ?", (_serial(shown),)
        )
        if row is None or row["charger"] != charger:
            return "was not issued here"
        if row["revoked_at"] is not None:
            return "is revoked"
        return None if self._clock() < shown.not_valid_after_utc else "has expired"

    def certificates(self, charger: str) -> list[Issued]:
        """What was issued to a charger, the newest last."""
        rows = self._database.rows(
            "SELECT * FROM charger_certificate WHERE charger = ? ORDER BY not_after, serial", (charger,)
        )
        return [
            Issued(row["serial"], charger, parse_timestamp(row["not_after"]), row["revoked_at"] is not None)
            for row in rows
        ]

    def revoke(self, charger: str) -> int:
        """Take back every certificate of a charger; how many that were."""
        return self._database.execute(
            "UPDATE charger_certificate SET revoked_at = ? WHERE charger = ? AND revoked_at IS NULL",
            (format_timestamp(self._clock()), charger),
        )

    def is_due(self, charger: str, before: timedelta) -> bool:
        """Whether it has a good certificate, which ends so soon that it should ask for a new one."""
        good = [each for each in self.certificates(charger) if not each.is_revoked]
        return bool(good) and good[-1].not_after - self._clock() <= before

    def _issued(self, charger: str, wanted: x509.CertificateSigningRequest) -> x509.Certificate:
        now = self._clock()
        subject = _name(self.organisation, charger)
        certificate = (
            _builder(subject, self._certificate.subject, wanted.public_key(), now, self._life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self._database.execute(
            "INSERT INTO charger_certificate (serial, charger, certificate, not_after) VALUES (?, ?, ?, ?)",
            (
                _serial(certificate),
                charger,
                _pem(certificate),
                format_timestamp(certificate.not_valid_after_utc),
            ),
        )
        return certificate

    def _made(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(self.organisation, "Chargers")
        certificate = (
            _builder(name, name, key.public_key(), self._clock(), _OWN_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self._database.execute(
            "INSERT INTO certificate_authority (id, certificate, key) VALUES (1, ?, ?)",
            (_pem(certificate), text),
        )
        return certificate, key


def _request(text: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
    except (ValueError, TypeError) as error:
        raise NotSigned("it is no request for a certificate") from error
    is_strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SHORTEST_RSA) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _SHORTEST_CURVE
    )
    if not is_strong:
        raise NotSigned("its key is of another kind than RSA or ECDSA, or too short")
    return request


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | object,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)  # type: ignore[arg-type]  # `_request` lets only these kinds pass
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
    )


def _name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _names(name: x509.Name, kind: x509.ObjectIdentifier) -> list[str]:
    return [str(each.value) for each in name.get_attributes_for_oid(kind)]


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
