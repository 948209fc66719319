"""Deliveries as an operator sees them: who is how far behind, and why."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from hub.delivery.audience import Receiver, receivers
from hub.delivery.pump import PumpReport, PumpStatus
from hub.delivery.pumps import Pumps
from hub.directory.directory import Platform


@dataclass(frozen=True, slots=True)
class ReceiverProgress:
    """How far one receiver has come."""

    platform_id: int
    #: The platform's name.
    platform: str
    receiver: Receiver
    #: The last change that it needs not be told any more.
    position: int
    #: Changes in the log that follow; some of them may be none of its business.
    waiting: int
    #: Owners of whose objects it is being told anew, since an agreement began or ended.
    resyncs: int
    #: What the platform's pump is doing.
    status: PumpStatus
    #: When the platform is tried again, None where it is not backed off from.
    retry_at: datetime | None
    #: What went wrong last; empty if nothing did.
    last_failure: str
    #: How many objects it refused.
    dead_letters: int


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """What other processes have written of the platforms that they look after."""

    positions: dict[Receiver, int] = field(default_factory=dict)
    dead_letters: Counter[Receiver] = field(default_factory=Counter)
    reports: dict[int, str] = field(default_factory=dict)


_NOTHING = _Elsewhere()


async def overview(pumps: Pumps, platform_id: int | None = None) -> tuple[ReceiverProgress, ...]:
    """The progress of all receivers, or of those on one platform.

    Of a platform that another process looks after it is what that wrote last, a few seconds ago at most.
    """
    is_shared = pumps.leases.is_shared
    if is_shared and any(pumps.pump(each.id) is None for each in _platforms(pumps, platform_id)):
        return overview_here(pumps, platform_id, await _looked_up(pumps))
    return overview_here(pumps, platform_id)


def overview_here(
    pumps: Pumps, platform_id: int | None = None, elsewhere: _Elsewhere = _NOTHING
) -> tuple[ReceiverProgress, ...]:
    """The progress of the receivers that this process looks after, and of others as far as it is given."""
    parts = pumps.parts
    progress: list[ReceiverProgress] = []
    for platform in _platforms(pumps, platform_id):
        pump = pumps.pump(platform.id)
        if pump is None and not pumps.leases.is_shared:
            continue
        report = PumpReport.read(elsewhere.reports.get(platform.id, "")) if pump is None else pump.report
        for receiver in receivers(platform):
            here = parts.cursors.position(receiver)
            position = elsewhere.positions.get(receiver) if pump is None else here
            if position is None:
                continue
            refused = len(parts.dead_letters.of(receiver)) if pump else elsewhere.dead_letters[receiver]
            progress.append(
                ReceiverProgress(
                    platform_id=platform.id,
                    platform=platform.name,
                    receiver=receiver,
                    position=position,
                    waiting=max(0, parts.log.end - position),
                    resyncs=parts.resyncs.count(receiver),
                    status=report.status,
                    retry_at=report.retry_at,
                    last_failure=report.last_failure,
                    dead_letters=refused,
                )
            )
    return tuple(progress)


def _platforms(pumps: Pumps, platform_id: int | None) -> list[Platform]:
    known = pumps.parts.directory().platforms.values()
    return [each for each in known if each.is_registered and platform_id in {None, each.id}]


async def _looked_up(pumps: Pumps) -> _Elsewhere:
    parts = pumps.parts
    await parts.resyncs.read()
    return _Elsewhere(
        await parts.cursors.stored(), await parts.dead_letters.counts(), await pumps.leases.reports()
    )
