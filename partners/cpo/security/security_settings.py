"""How chargers must prove who they are: the table `[security]`."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from partners.configuration_file import PORT, SOME_DAYS, TEXT, Kind, Setting, SettingsWrong, Wrong

#: Of a charger that nobody knows.
REFUSE, PENDING = "refuse", "pending"
NONE, BASIC, TLS, MUTUAL_TLS = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """All of it, with defaults that suit chargers on the same machine."""

    #: OCPP's security profile that a charger must have at least.
    least: int = NONE
    #: What becomes of a charger that nobody knows: refuse, pending.
    unknown: str = REFUSE
    #: Where chargers connect by TLS; None: nowhere.
    tls_port: int | None = None
    #: PEM files of the server, for TLS.
    certificate: Path | None = None
    key: Path | None = None
    minimum_tls: str = "1.2"
    #: In chargers' certificates; None: the CPO's name.
    organisation: str | None = None
    life: timedelta = timedelta(days=365)
    renew_before: timedelta = timedelta(days=30)


def tls_context(settings: SecuritySettings, authority: str) -> ssl.SSLContext:
    """What TLS needs; a charger may show a certificate of this authority (PEM).

    Raises:
        SettingsWrong: A file cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = _VERSIONS[settings.minimum_tls]
    if settings.certificate is None:
        raise SettingsWrong([Wrong("security.certificate", "missing; TLS needs one")])
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsWrong([Wrong("security.certificate", str(error))]) from error
    context.load_verify_locations(cadata=authority)
    # Who has none may have a password.
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def security_settings(found: Mapping[str, Any], folder: Path, *, is_local: bool) -> SecuritySettings:
    """The settings as they were read; paths start at the folder.

    Args:
        found: By the name of their field.
        folder: Of the file.
        is_local: Chargers can only connect from this machine: then they need no password unless told.
    """
    files = {name: folder / found[name] for name in ("certificate", "key") if name in found}
    least = found.get("least", NONE if is_local else BASIC)
    return SecuritySettings(**{**found, **files, "least": least})


_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _one_of(*words: Any) -> Kind:
    expected = f"one of {', '.join(map(str, words))}"
    return Kind(lambda told: told if type(told) is type(words[0]) and told in words else None, expected)


SECURITY: Final[Mapping[str, Setting]] = {
    # 0 is false to whoever reads a setting, so it is read as it is.
    "profile": Setting("least", _one_of(NONE, BASIC, TLS, MUTUAL_TLS)),
    "unknown_chargers": Setting("unknown", _one_of(REFUSE, PENDING)),
    "tls_port": Setting("tls_port", PORT),
    "certificate": Setting("certificate", TEXT),
    "key": Setting("key", TEXT),
    "minimum_tls": Setting("minimum_tls", _one_of(*_VERSIONS)),
    "organisation": Setting("organisation", TEXT),
    "certificate_days": Setting("life", SOME_DAYS),
    "renew_days_before": Setting("renew_before", SOME_DAYS),
}
