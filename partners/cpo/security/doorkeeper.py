"""The CPO's reception: the gate for those who connect, onboarding for those who boot, certificates."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from hub.ocpi.timestamps import Clock, format_timestamp
from partners.cpo.charging.charging_events import BootInfo
from partners.cpo.onboarding.onboarding import Asked, Onboarding, Settled
from partners.cpo.onboarding.onboarding_settings import OnboardingSettings
from partners.cpo.onboarding.reboots import AwaitedBoot, Reboots
from partners.cpo.onboarding.settings_profiles import SettingsProfile, fitting
from partners.cpo.security.authority import Authority, NotSigned
from partners.cpo.security.charger_book import ChargerBook, Standing
from partners.cpo.security.gate import Gate
from partners.cpo.security.security_settings import SecuritySettings
from partners.cpo.security.wrong_passwords import WrongPasswords
from partners.cpo.stations.questions import ORGANISATION
from partners.cpo.stations.reception import Registration, Visitor
from partners.cpo.stations.remote_outcome import RemoteOutcome
from partners.database import Database
from partners.ocpp.link import Unanswered
from partners.ocpp.payloads import Relaxation

log = logging.getLogger(__name__)

#: What a charger may say that nobody has accepted: who it is, and what it is asked for.
_OF_STRANGERS: Final = frozenset(
    {"BootNotification", "Heartbeat", "NotifyReport", "SecurityEventNotification", "SignCertificate"}
)
#: How often it is looked whose certificate ends, in seconds.
_LOOK_EVERY: Final = 3600.0

Noted = Callable[[str, str], None]


class Chargers(Asked, Protocol):
    """The central system."""

    def is_connected(self, charge_point: str) -> bool:
        """Whether there is a link."""

    async def command(self, charge_point: str, action: str, payload: dict[str, Any]) -> RemoteOutcome:
        """Send a CALL whose result is a status."""

    async def disconnect(self, charge_point: str, why: str) -> bool:
        """End its link."""

    async def reset(self, charge_point: str, *, hard: bool = False) -> RemoteOutcome:
        """Let it start anew."""


@dataclass(slots=True)
class Doorkeeper:
    """See `Reception`; `chargers` is set when there is a central system.

    Attributes:
        spawn: Does something later, on its own.
        noted: Told of what the operator should see of a charger.
    """

    book: ChargerBook
    authority: Authority
    gate: Gate
    security: SecuritySettings
    onboarding: OnboardingSettings
    clock: Clock
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    noted: Noted
    reboots: Reboots
    _chargers: Chargers | None = None
    #: Those that are being set, and those whose next boot is the end of it.
    _under_way: set[str] = field(default_factory=set)
    _ready: set[str] = field(default_factory=set)

    @property
    def chargers(self) -> Chargers:
        """The central system."""
        if self._chargers is None:
            raise RuntimeError("there is no central system yet")
        return self._chargers

    def serves(self, chargers: Chargers) -> None:
        """This is the central system."""
        self._chargers = chargers

    async def admit(self, visitor: Visitor) -> None:
        """Return if the visitor may connect."""
        await self.gate.admit(visitor)

    def booted(self, charge_point: str, boot: BootInfo) -> Registration:
        """Accepted once it is known and set."""
        self.book.booted(charge_point, boot.vendor, boot.model)
        account = self.book.find(charge_point)
        if account is None or account.standing is not Standing.ALLOWED:
            return Registration.PENDING
        profile = self._profile(charge_point)
        if profile is None or not self._wants(charge_point, profile):
            return Registration.ACCEPTED
        if charge_point in self._ready:
            self._ready.discard(charge_point)
            return Registration.ACCEPTED
        if charge_point not in self._under_way:
            self._under_way.add(charge_point)
            self.spawn(self._settle(charge_point, profile))
        return Registration.PENDING

    def is_accepted(self, charge_point: str) -> bool:
        """Whether a charger may be spoken to as one that is set and charges."""
        account = self.book.find(charge_point)
        is_allowed = account is not None and account.standing is Standing.ALLOWED
        return is_allowed and charge_point not in self._under_way and charge_point not in self._ready

    def may_say(self, charge_point: str, action: str) -> bool:
        """Whether a charger is heard; one that is known always is, so that nothing is lost."""
        if action in _OF_STRANGERS:
            return True
        account = self.book.find(charge_point)
        return account is not None and account.standing is Standing.ALLOWED

    def certificate_requested(self, charge_point: str, request: str) -> bool:
        """Sign it, and send it once the request is answered."""
        account = self.book.find(charge_point)
        if account is None or account.standing is not Standing.ALLOWED:
            return False
        try:
            chain = self.authority.sign(charge_point, request)
        except NotSigned as refused:
            log.warning("%s asks for a certificate and gets none: %s", charge_point, refused)
            self.noted(charge_point, f"a request for a certificate was refused: {refused}")
            return False
        self.spawn(self._hand_over(charge_point, chain))
        return True

    def relaxed(self, charge_point: str) -> Collection[Relaxation]:
        """What is not held against a charger."""
        profile = self._profile(charge_point) if self.onboarding.profiles else None
        return () if profile is None else profile.relaxed

    async def revoke(self, charge_point: str) -> int:
        """Take back a charger's certificates, and end its link; how many certificates that were."""
        count = self.authority.revoke(charge_point)
        self.noted(charge_point, f"{count} certificates revoked")
        await self.chargers.disconnect(charge_point, "certificate revoked")
        return count

    async def block(self, charge_point: str) -> None:
        """Let a charger in no more, and end its link."""
        self.book.stand(charge_point, Standing.BLOCKED)
        self.noted(charge_point, "blocked")
        await self.chargers.disconnect(charge_point, "blocked")

    async def renew(self) -> None:
        """Let chargers ask for new certificates whose own end soon."""
        for account in self.book.all():
            due = self.authority.is_due(account.id, self.security.renew_before)
            if due and self.chargers.is_connected(account.id):
                outcome = await self.ask_for_request(account.id)
                log.info("%s shall ask for a new certificate: %s", account.id, outcome)

    async def ask_for_request(self, charge_point: str) -> RemoteOutcome:
        """Let a charger ask for a certificate, and tell it before whose name belongs in there.

        1.6 knows the word in its security extension only.
        """
        try:
            word = await self.chargers.change_setting(charge_point, ORGANISATION, self.authority.organisation)
            log.info("%s is told that its CPO is %s: %s", charge_point, self.authority.organisation, word)
        except Unanswered as error:  # it may know it, or name nobody
            log.info("%s does not take the name of its CPO: %r", charge_point, error)
        version = self.chargers.version(charge_point)
        if version is not None and version.is_1_6:
            payload = {"requestedMessage": "SignChargePointCertificate"}
            return await self.chargers.command(charge_point, "ExtendedTriggerMessage", payload)
        return await self.chargers.trigger(charge_point, "SignChargingStationCertificate")

    async def watch(self) -> None:
        """For ever: renew, and reset those that take settings when they boot."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_for_ever())
            group.create_task(self.reboots.watch(self.chargers, self.is_accepted))

    async def _renew_for_ever(self) -> None:
        while True:
            await self.renew()
            await asyncio.sleep(_LOOK_EVERY)

    def _profile(self, charge_point: str) -> SettingsProfile | None:
        account = self.book.find(charge_point)
        vendor, model = (None, None) if account is None else (account.vendor, account.model)
        return fitting(self.onboarding.profiles, charge_point, vendor, model)

    def _wants(self, charge_point: str, profile: SettingsProfile) -> bool:
        """Whether there is anything to set; a profile may be there for its relaxations alone."""
        version = self.chargers.version(charge_point)
        return version is not None and bool(profile.wanted(is_1_6=version.is_1_6))

    async def _settle(self, charge_point: str, profile: SettingsProfile) -> None:
        try:
            settled = await Onboarding(self.chargers).settle(charge_point, profile)
        except Unanswered as error:
            settled = Settled((f"onboarding by {profile.name!r} was not finished: {error!r}",))
        finally:
            self._under_way.discard(charge_point)
        findings = [*settled.findings, *self._at_boot(charge_point, settled.at_boot)]
        self.book.onboarded(charge_point, findings, format_timestamp(self.clock()))
        for each in findings:
            self.noted(charge_point, each)
        if findings and self.onboarding.is_strict:
            log.warning("%s stays Pending: %s", charge_point, "; ".join(findings))
            return
        self._ready.add(charge_point)
        # One that does not boot when it is asked to does so after a while, as it was told.
        await self.chargers.trigger(charge_point, "BootNotification")

    def _at_boot(self, charge_point: str, at_boot: Sequence[str]) -> list[str]:
        """Have a charger reset for these when nobody needs it; what is wrong, if it was so not long ago."""
        before, may_ask = self.reboots.awaited(charge_point), self.reboots.may_ask(charge_point)
        self.reboots.await_boot(charge_point, at_boot if may_ask else ())
        set_by_it = [each for each in before.settings if before.is_asked and each not in at_boot]
        if set_by_it:
            self.noted(charge_point, f"set by its reboot: {', '.join(set_by_it)}")
        if not may_ask:
            return [f"{each} waits for a reboot, and the last one has not set it" for each in at_boot]
        if at_boot:
            self.noted(charge_point, f"to be reset when nobody needs it, for {', '.join(at_boot)}")
        return []

    def reset_for_settings(self, awaited: AwaitedBoot, outcome: RemoteOutcome) -> None:
        """A charger was reset for its settings; where it does not want that, it is a finding."""
        charger, names = awaited.charge_point, ", ".join(awaited.settings)
        self.noted(charger, f"soft reset for {names}: {outcome.value}")
        account = self.book.find(charger)
        if outcome is not RemoteOutcome.ACCEPTED and account is not None and account.onboarded_at is not None:
            finding = f"a reboot is awaited for {names}, and a soft reset was {outcome.value}"
            self.book.onboarded(charger, (*account.findings, finding), account.onboarded_at)

    async def _hand_over(self, charge_point: str, chain: str) -> None:
        payload = {"certificateChain": chain}
        outcome = await self.chargers.command(charge_point, "CertificateSigned", payload)
        if outcome is not RemoteOutcome.ACCEPTED:
            self.noted(charge_point, f"its new certificate was not taken: {outcome}")


def doorkeeper(
    database: Database,
    security: SecuritySettings,
    onboarding: OnboardingSettings,
    charge_points: Collection[str],
    organisation: str,
    clock: Clock,
    *,
    spawn: Callable[[Coroutine[Any, Any, None]], None],
    noted: Noted,
    is_free: Callable[[str], bool],
) -> Doorkeeper:
    """The reception of a CPO, put together.

    Args:
        database: Of the node.
        security: Who may connect, and how.
        onboarding: What is done with those who boot.
        charge_points: Those that are configured.
        organisation: Whose certificates are signed, where `security` names nobody.
        clock: The present instant.
        spawn: Begins what is done beside.
        noted: Told of what happens at the door.
        is_free: Whether nobody charges at a charger, is about to, or has reserved.
    """
    book = ChargerBook(database, charge_points)
    authority = Authority(database, clock, security.organisation or organisation, security.life)
    gate = Gate(book, authority, WrongPasswords(clock), security, noted)

    def asked(awaited: AwaitedBoot, outcome: RemoteOutcome) -> None:
        made.reset_for_settings(awaited, outcome)

    reboots = Reboots(database, clock, onboarding.free_for, is_free, asked)
    made = Doorkeeper(book, authority, gate, security, onboarding, clock, spawn, noted, reboots)
    return made
