"""Every route of the administration API, each behind the key (design D11, D12)."""

from datetime import datetime, timedelta

from aiohttp import web

from hub.admin.agreements import AgreementPages
from hub.admin.cdrs import CdrPages
from hub.admin.checks import CheckPage
from hub.admin.deliveries import DeliveryPages
from hub.admin.information import InformationPage
from hub.admin.journal import JournalPages
from hub.admin.objects import ObjectPages
from hub.admin.platform_shown import Traffic
from hub.admin.platforms import PlatformPages
from hub.admin.pulls import PullPages
from hub.admin.route import RoutePages
from hub.admin.tokens import TokenPages
from hub.admin.wire import guarded
from hub.calling.calls import Calls
from hub.delivery.pumps import Pumps
from hub.directory.current import CurrentDirectory
from hub.handshake.identity import HubIdentity
from hub.handshake.registering import Registering
from hub.ocpi.timestamps import Clock
from hub.pulling.pullers import Pullers
from hub.registry.platforms import Platforms
from hub.registry.signing import Signing
from hub.registry.token_overview import TokenOverview
from hub.relay.explanation import Explaining
from hub.relay.held import Held
from hub.store.database import Database
from hub.store.journal import Journal
from hub.store.judged_cdrs import JudgedCdrs
from hub.store.objects import ObjectStore


def routes(
    key: str,
    *,
    clock: Clock,
    started_at: datetime,
    database: Database,
    journal: Journal,
    identity: HubIdentity,
    directory: CurrentDirectory,
    platforms: Platforms,
    registering: Registering,
    signing: Signing,
    objects: ObjectStore,
    pumps: Pumps,
    pullers: Pullers,
    calls: Calls,
    traffic: Traffic,
    patience: timedelta,
    explaining: Explaining | None = None,
    judged: JudgedCdrs | None = None,
    held: Held | None = None,
) -> list[web.RouteDef]:
    """The routes, for an application of their own or beside the partners' routes.

    Args:
        key: Who shows it may do everything.
        clock: Tells the time.
        started_at: When the hub began.
        database: Where the journal and the tokens are read.
        journal: What waits to be written.
        identity: The hub, as partners know it.
        directory: Who is connected.
        platforms: To invite, suspend and remove.
        registering: To begin handshakes.
        signing: To sign and end agreements.
        objects: What the hub keeps.
        pumps: What it owes.
        pullers: What it reads from platforms.
        calls: To look at platforms.
        traffic: How much may be sent.
        patience: For each answer of a platform that is looked at.
        explaining: Where messages go; None where nothing is relayed.
        judged: The verdicts on CDRs; None where nothing is relayed.
        held: To release and drop CDRs; None where nothing is relayed.
    """
    return guarded(
        key,
        [
            *InformationPage(identity, directory, journal, started_at).routes(),
            *PlatformPages(identity, directory, platforms, registering, pumps, traffic, database).routes(),
            *TokenPages(directory, TokenOverview(database), clock).routes(),
            *AgreementPages(directory, signing, clock).routes(),
            *CheckPage(directory, calls, patience).routes(),
            *JournalPages(database, clock).routes(),
            *ObjectPages(objects, clock).routes(),
            *DeliveryPages(directory, pumps).routes(),
            *PullPages(directory, pullers).routes(),
            *(() if judged is None or held is None else CdrPages(judged, held).routes()),
            *(() if explaining is None else RoutePages(directory, explaining, clock).routes()),
        ],
    )
