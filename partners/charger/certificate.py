"""A charger's certificate: it asks for one, and takes only one that is for its own key."""

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(slots=True)
class Certificate:
    """The key that a charger has, and the certificate chain that it was given for it.

    Attributes:
        identity: Name of the charger.
        chain: PEM, own certificate first; empty as long as there is none.
    """

    identity: str
    chain: str = ""
    _key: ec.EllipticCurvePrivateKey | None = field(default=None, repr=False)

    def request(self, organisation: str = "") -> str:
        """A request (PKCS#10, PEM) for the key, which is new each time; it names the CPO if that is known."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, self.identity)]
        if organisation:
            names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        subject = x509.Name(names)
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._key, hashes.SHA256())
        )
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def install(self, chain: str) -> bool:
        """Take a chain (PEM); whether it is one, and its first certificate is for the key."""
        try:
            own = x509.load_pem_x509_certificates(chain.encode())[0]
        except ValueError:
            return False
        if self._key is None or own.public_key() != self._key.public_key():
            return False
        self.chain = chain
        return True
