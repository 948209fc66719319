"""Certificates for measurements with TLS: for 127.0.0.1, each its own authority."""

from pathlib import Path
from typing import NamedTuple

from tests.fixtures.certificates import key_and_certificate


class Certificate(NamedTuple):
    """Files in PEM."""

    #: The certificate; it is its own authority, so who trusts this file trusts the server.
    chain: Path
    key: Path


def certificate(folder: Path) -> Certificate:
    """A fresh one, which ends tomorrow."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Certificate(folder / "certificate.pem", folder / "key.pem")
    key, chain = key_and_certificate("127.0.0.1")
    files.chain.write_bytes(chain)
    files.key.write_bytes(key)
    return files
