"""Deliveries as an operator sees them: who is how far behind, and why."""

from dataclasses import dataclass
from datetime import datetime

from hub.delivery.audience import Receiver, receivers
from hub.delivery.pump import PumpStatus
from hub.delivery.pumps import Pumps


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


def overview(pumps: Pumps, platform_id: int | None = None) -> tuple[ReceiverProgress, ...]:
    """The progress of all receivers, or of those on one platform."""
    parts = pumps.parts
    progress: list[ReceiverProgress] = []
    for platform in parts.directory().platforms.values():
        pump = pumps.pump(platform.id)
        if pump is None or platform_id not in {None, platform.id}:
            continue
        for receiver in receivers(platform):
            position = parts.cursors.position(receiver)
            if position is None:
                continue
            progress.append(
                ReceiverProgress(
                    platform_id=platform.id,
                    platform=platform.name,
                    receiver=receiver,
                    position=position,
                    waiting=max(0, parts.log.end - position),
                    resyncs=parts.resyncs.count(receiver),
                    status=pump.status,
                    retry_at=pump.retry_at,
                    last_failure=pump.last_failure,
                    dead_letters=len(parts.dead_letters.of(receiver)),
                )
            )
    return tuple(progress)
