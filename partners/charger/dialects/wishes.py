"""Wishes of the central system that all versions have alike: from the word of the charger to the answer."""

from collections.abc import Callable, Iterable, Mapping

from partners.charger.call import Call
from partners.charger.central_system_link import Consequence, Reply
from partners.charger.certificate import Certificate
from partners.charger.dialects.dialect import Speech
from partners.charger.states import Outcome
from partners.charger.token_list import Entry, TokenList


def answered(wish: tuple[Outcome, Consequence]) -> Reply:
    """What the charger says, and does once it has been told."""
    outcome, consequence = wish
    return Reply({"status": outcome}, consequence)


def triggered(wanted: str, known: Mapping[str, Callable[[], None]]) -> Reply:
    """TriggerMessage: it says what is wanted, if it knows how."""
    consequence = known.get(wanted)
    if consequence is None:
        return Reply({"status": Outcome.NOT_IMPLEMENTED})
    return Reply({"status": Outcome.ACCEPTED}, consequence)


def always_said(speech: Speech, boot: Call) -> dict[str, Callable[[], None]]:
    """What every charger can be triggered to say."""
    return {
        "BootNotification": lambda: speech.say(boot),
        "Heartbeat": lambda: speech.say(Call("Heartbeat", {})),
    }


def certificate_signed(certificate: Certificate, chain: str) -> Reply:
    """CertificateSigned: only for its own key."""
    fits = certificate.install(chain)
    return Reply({"status": Outcome.ACCEPTED if fits else Outcome.REJECTED})


def local_list(tokens: TokenList, version: int, kind: str, entries: Iterable[Entry]) -> Reply:
    """SendLocalList, whole or what changed since the version that it has."""
    if kind == "Full":
        tokens.replace(version, entries)
        return Reply({"status": Outcome.ACCEPTED})
    amended = tokens.amend(version, entries) is Outcome.ACCEPTED
    return Reply({"status": "Accepted" if amended else "VersionMismatch"})
