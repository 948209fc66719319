"""Who is connected: the Directory, those who change it, and the loops that keep it true."""

import os
import random
import socket
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hub.calling.calls import Calls
from hub.directory.current import CurrentDirectory
from hub.directory.tokens import Sealer, sealing_key
from hub.handshake.credentials import HandshakeParts, Handshakes
from hub.handshake.identity import HubIdentity
from hub.handshake.introductions import Introductions
from hub.handshake.registering import Registering
from hub.handshake.rotation import PreviousTokens
from hub.http.serving import url_of
from hub.ocpi.timestamps import Clock
from hub.registry.neighbours import Neighbours
from hub.registry.platforms import Platforms
from hub.registry.presence import Presence
from hub.registry.quirk_watch import QuirkWatch
from hub.registry.records import Records
from hub.registry.signing import Signing
from hub.registry.signs import Signs
from hub.store.journal import Journal
from hub.store.lease_rows import LeaseRows
from hub.store.leases import Leases
from hub.web.composition.bell import Bell
from hub.web.composition.ground import Ground

#: A handshake that was begun so long ago in another process does not go on any more.
UNFINISHED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Connected:
    """Those who know, change and watch who is connected."""

    identity: HubIdentity
    directory: CurrentDirectory
    #: Rung after each change.
    changed: Bell
    quirks: QuirkWatch
    calls: Calls
    platforms: Platforms
    signing: Signing
    presence: Presence
    neighbours: Neighbours
    handshakes: Handshakes
    registering: Registering
    introductions: Introductions
    #: What this process looks after.
    leases: Leases
    signs: Signs
    clock: Clock

    async def settle(self) -> None:
        """Take up where the hub stopped."""
        await self.directory.reload()
        is_alone = await self.leases.is_alone()
        await self.platforms.forget_unfinished(None if is_alone else self.clock() - UNFINISHED)
        await self.signing.settle()

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What somebody must run."""
        return (
            self.presence.watch(),
            self.introductions.run(),
            self.signing.watch(),
            self.quirks.run(),
            self.neighbours.watch(),
            self.leases.run(),
            self.signs.run(),
        )


def who_is_connected(ground: Ground, journal: Journal) -> Connected:
    """The registry, and how platforms are called.

    Raises:
        UnusableKey: the key that seals tokens cannot be used.
    """
    settings, database, clock, new_id = ground.settings, ground.database, ground.clock, ground.new_id
    patience = settings.limits.handshake
    scheme = "http" if settings.tls is None else "https"
    public_url = (settings.public_url or url_of(ground.port, scheme)).rstrip("/")
    identity = HubIdentity(settings.party, settings.name, public_url)
    sealer = Sealer(sealing_key(settings.data))
    directory = CurrentDirectory(database, sealer, settings.party)
    changed = Bell()
    records = Records(database, directory, clock, new_id, changed)
    quirks = QuirkWatch(database, directory, clock, changed)
    tokens_before = PreviousTokens(directory, records)
    calls = Calls(ground.transport, journal, clock, new_id, tokens_before, quirks.observe)
    platforms = Platforms(records, sealer, clock)
    handshake = HandshakeParts(
        identity, directory, records, calls, sealer, clock, patience, is_shared=database.dialect.is_shared
    )
    registering = Registering(handshake)
    leases = _leases(ground, directory)
    neighbours = Neighbours(
        directory, records, calls, patience=patience, chance=random.random, is_ours=leases.has
    )
    introductions = Introductions(
        directory, registering, identity, clock, chance=random.random, is_ours=leases.has
    )
    presence = Presence(
        directory,
        platforms,
        calls,
        silence=settings.limits.silence,
        patience=patience,
        is_ours=leases.has,
    )
    changed.heard_by(neighbours.look, introductions.look, leases.wake)
    leases.heard_by(neighbours.look, introductions.look, presence.look)
    return Connected(
        identity=identity,
        directory=directory,
        changed=changed,
        quirks=quirks,
        calls=calls,
        platforms=platforms,
        signing=Signing(records, directory, settings.policy, clock, new_id),
        presence=presence,
        neighbours=neighbours,
        handshakes=Handshakes(handshake),
        registering=registering,
        introductions=introductions,
        leases=leases,
        signs=Signs(database, leases, directory),
        clock=clock,
    )


def _leases(ground: Ground, directory: CurrentDirectory) -> Leases:
    """Registered platforms are looked after; of the others nothing is to be done."""

    def wanted() -> list[int]:
        return [each.id for each in directory.value.platforms.values() if each.is_registered]

    where = f"{socket.gethostname()} {os.getpid()}"
    rows = LeaseRows(ground.place.name, where, ground.settings.limits.lease)
    return Leases(ground.database, rows, wanted, before=ground.place.before)
