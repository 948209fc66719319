"""What the hub owes and to whom, and what was refused; an operator may have it sent again (design D3)."""

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from hub.admin.problems import Conflict, FieldError, Unknown, WrongInput
from hub.admin.wire import Input, Output, Route, query_of
from hub.delivery.dead_letters import DeadLetter
from hub.delivery.overview import ReceiverProgress, overview
from hub.delivery.pump import NotDeliverable
from hub.delivery.pumps import Pumps, UnknownDeadLetter
from hub.delivery.verdict import Verdict
from hub.directory.current import CurrentDirectory


class DeliveriesQuery(Input):
    """Whose deliveries are wanted."""

    #: A platform's name.
    platform: str | None = None


class ReceiverShown(Output):
    """How far a receiver has come."""

    platform: str
    #: `NL/TNM CPO`, or `hubclientinfo` for the platform itself, which is told who is connected.
    receiver: str
    #: Changes in the log after what it has; some may be none of its business.
    waiting: int
    #: Owners of whose objects it is being told anew, since an agreement began or ended.
    resyncs: int
    #: What the deliveries to the platform are doing: idle, delivering, backing off, not connected.
    status: str
    #: When it is tried again, where it failed.
    retry_at: datetime | None
    #: Why it failed last; empty if it did not.
    last_failure: str
    #: Objects that it refused.
    dead_letters: int


class DeadLetterShown(Output):
    """A delivery that was refused."""

    id: int
    platform: str
    receiver: str
    module: str
    #: PUT, PATCH or DELETE.
    method: str
    #: The path below the module's URL.
    tail: str
    http_status: int | None
    status_code: int | None
    reason: str
    refused_at: datetime
    correlation_id: str


class Deliveries(Output):
    """Who is how far behind, and what was refused."""

    receivers: list[ReceiverShown]
    dead_letters: list[DeadLetterShown]


class SentAgain(Output):
    """What became of a dead letter that was sent again."""

    id: int
    #: Whether the receiver took it; then it is no dead letter any more.
    is_delivered: bool
    #: delivered, refused, faulty, not reached, not answered.
    verdict: str
    http_status: int | None
    status_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryPages:
    """Answers about deliveries."""

    directory: CurrentDirectory
    pumps: Pumps

    def routes(self) -> list[Route]:
        """What can be asked and done."""
        return [
            ("GET", "/deliveries", self.all),
            ("POST", "/dead-letters/{id}/resend", self.resend),
        ]

    async def all(self, request: web.Request) -> Deliveries:
        """All deliveries, or those of one platform."""
        platform_id = self._platform_id(query_of(request, DeliveriesQuery).platform)
        letters = await self.pumps.dead_letters(platform_id)
        return Deliveries(
            receivers=[receiver_shown(each) for each in await overview(self.pumps, platform_id)],
            dead_letters=[self._shown(each) for each in letters],
        )

    async def resend(self, request: web.Request) -> SentAgain:
        """Send the newest state of what was refused."""
        letter_id = _letter_id(request)
        letter = await self.pumps.parts.dead_letters.one(letter_id)
        if letter is not None and self.pumps.leases.errands.is_for_others(letter.receiver.platform_id):
            return await self._resent_elsewhere(letter)
        try:
            attempt = await self.pumps.send_again(letter_id)
        except UnknownDeadLetter as error:
            raise Unknown(str(error)) from error
        except NotDeliverable as error:
            raise Conflict(str(error)) from error
        return SentAgain(
            id=letter_id,
            is_delivered=attempt.verdict is Verdict.DELIVERED,
            verdict=attempt.verdict,
            http_status=attempt.http_status,
            status_code=attempt.status_code,
            reason=attempt.reason,
        )

    async def _resent_elsewhere(self, letter: DeadLetter) -> SentAgain:
        try:
            again = await self.pumps.send_elsewhere(letter)
        except NotDeliverable as error:
            raise Conflict(str(error)) from error
        return SentAgain(
            id=letter.id,
            is_delivered=again is None,
            verdict=Verdict.DELIVERED if again is None else Verdict.REFUSED,
            http_status=None if again is None else again.http_status,
            status_code=None if again is None else again.status_code,
            reason="" if again is None else again.reason,
        )

    def _platform_id(self, name: str | None) -> int | None:
        if name is None:
            return None
        platform = self.directory.value.named(name)
        if platform is None:
            raise Unknown(f"no partner has the name {name!r}")
        return platform.id

    def _shown(self, letter: DeadLetter) -> DeadLetterShown:
        platform = self.directory.value.platforms.get(letter.receiver.platform_id)
        return DeadLetterShown(
            id=letter.id,
            # Removed just now, and its dead letters with it in a moment.
            platform="?" if platform is None else platform.name,
            receiver=str(letter.receiver),
            module=letter.key.module,
            method=letter.method,
            tail=letter.tail,
            http_status=letter.http_status,
            status_code=letter.status_code,
            reason=letter.reason,
            refused_at=letter.refused_at,
            correlation_id=letter.correlation_id,
        )


def receiver_shown(progress: ReceiverProgress) -> ReceiverShown:
    """A receiver's progress, as it is answered."""
    return ReceiverShown(
        platform=progress.platform,
        receiver=str(progress.receiver),
        waiting=progress.waiting,
        resyncs=progress.resyncs,
        status=progress.status,
        retry_at=progress.retry_at,
        last_failure=progress.last_failure,
        dead_letters=progress.dead_letters,
    )


def _letter_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit()):
        raise WrongInput(FieldError("id", f"expected the number of a dead letter, got {text!r}"))
    return int(text)
