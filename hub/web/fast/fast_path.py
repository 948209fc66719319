"""Which requests the fast path takes: those to functional modules that are not refused.

| a request | goes |
|---|---|
| for one party, whose relay waits for nothing but its answer | without a task: `crossing` |
| a command, a charging profile: its `response_url` is replaced, which is stored first | as an errand |
| a CDR: it may be judged before, its answer waits for its copy and has a `Location` | as an errand |
| a party's list: its next page gets a URL of the hub, which is stored first | as an errand |
| for the hub or everybody: kept, or answered from what the hub keeps | as an errand |
| that names nobody: what is kept tells for whom it is | as an errand |
| of no functional module | the ordinary path |
| that is seen to be refused | the ordinary path: one place refuses |

To find out changes nothing: what is not taken begins anew on the ordinary path.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, NamedTuple

from multidict import CIMultiDict

from hub.calling.noticing import in_functional_request
from hub.calling.rate_limits import RateLimits
from hub.directory.directory import Caller
from hub.ocpi.description import Operation
from hub.ocpi.errors import OcpiError
from hub.ocpi.headers import Routing, read_ids, read_routing
from hub.ocpi.message import Look, Message
from hub.ocpi.modules import MODULES, VERSION
from hub.relay.decision import Decision
from hub.routing.destination import Direct, is_push_to_everybody
from hub.store.journal import Purpose
from hub.web.authentication import Authentication
from hub.web.conversion import tail_below, target_of
from hub.web.edge import Passage
from hub.web.fast.crossing import Asker, Crossing, Parts
from hub.web.fast.errand import answer
from hub.web.fast.heads import Head
from hub.web.fast.memory import Memory, Missed
from hub.web.fast.replay import Replay
from hub.web.fast.ways import Recognised, Way, Ways
from hub.web.routes import ABOVE_TAIL
from schemas.v2_2_1 import InterfaceRole

#: Printable, and without a fragment.
_TARGET: Final = re.compile(rf"/ocpi/{re.escape(VERSION)}/(sender|receiver)/([a-z]+)(?:[/?][!-\"$-~]*)?")
_INTERFACES: Final = {"sender": InterfaceRole.SENDER, "receiver": InterfaceRole.RECEIVER}

#: A platform that has called is alive: who wants to know is told so often at most, in seconds, of each way.
SIGN_EVERY: Final = 0.01

log = logging.getLogger(__name__)


class Understood(NamedTuple):
    """A request that can be taken."""

    headers: Mapping[str, str]
    caller: Caller
    #: The parties as the request names them.
    asked: Routing
    message: Message
    #: What becomes of it; None where that is still to be found out.
    decided: Decision | None
    #: What finds out what the journal shall say of it.
    look: Look | None


@dataclass(frozen=True, slots=True)
class FastPath:
    """What the fast path stands on."""

    parts: Parts
    authentication: Authentication
    rates: RateLimits
    ways: Ways
    _missed: Missed = field(default_factory=Missed)

    def memory(self, asker: Asker) -> Memory:
        """What recognises the requests of one connection."""
        return Memory(self.ways, self.authentication.directory, self._missed, asker)

    def replay(self, request: Recognised, body: bytes, asker: Asker) -> bool:
        """Begin to relay a request whose way is known; whether it is.

        Nothing has changed if it is not: `take` begins anew.

        Args:
            request: Its head.
            body: Its body.
            asker: Who waits for the answer.
        """
        way, parts = request.way, self.parts
        if not way.names(request.tail, body) or not self._may_pass(way):
            return False
        connection = parts.transport.at_hand(way.origin)
        if connection is None:
            return False
        try:
            is_trial = self._admitted(way)
        except OcpiError:
            parts.transport.give_back(way.origin, connection)
            return False
        platform = way.caller.platform
        if way.seen is not None:
            way.seen.tell(request.correlation_id.decode("ascii"))
        now = monotonic()
        if now - way.sign_told_at >= SIGN_EVERY:
            way.sign_told_at = now
            self.authentication.seen(platform.id)
        Replay(parts, asker, request, body, is_trial=is_trial).begin(connection)
        return True

    def _may_pass(self, way: Way) -> bool:
        sender, to, module = way.decided.sender, way.to.party, way.module
        return not way.asks_policy or self.parts.exchange.deciding.may_exchange(sender, to, module)

    def _admitted(self, way: Way) -> bool:
        """Count a request in at the circuit breaker and the rate limit; whether it is a trial.

        Raises:
            OcpiError: one of them refuses; nothing is counted.
        """
        circuits, to, module = self.parts.circuits, way.to, way.module
        is_trial = circuits.begin(to.platform.id, module, to.party)
        try:
            self.rates.take(way.caller.platform, module)
        except OcpiError:
            circuits.end(to.platform.id, is_trial=is_trial)
            raise
        return is_trial

    def take(self, head: Head, body: bytes, asker: Asker) -> bool:
        """Begin to relay a request; whether it is taken."""
        at = self.parts.clock()
        try:
            found = self._understood(head, body)
            if found is None:
                return False
            self.rates.take(found.caller.platform, found.message.module.id)
        except OcpiError:
            return False
        except Exception:  # the ordinary path shall have its try: it answers, whatever happens
            log.exception("the fast path could not read a request")
            return False
        message, platform, decided = found.message, found.caller.platform, found.decided
        correlation_id = message.ids.correlation_id
        self.authentication.noticed(found.headers, found.caller, correlation_id)
        for seen in in_functional_request(found.headers, platform, correlation_id):
            self.authentication.observe(platform.id, seen)
        passage = Passage(
            message.ids,
            at,
            Purpose.RELAY,
            platform,
            message.module.id,
            found.asked,
            Routing(
                found.asked.sender or platform.only_party, self.parts.exchange.deciding.directory.value.hub
            ),
            body=body,
            look=found.look,
        )
        missed = self._missed.by(asker)
        if decided is None or not isinstance(decided.to, Direct) or waits(message.operation):
            self.parts.spawn(answer(self.parts, asker, head.target, passage, message, platform, decided))
            return True
        if missed is not None:
            directory = self.authentication.directory.value
            self.ways.learn(missed, decided, decided.to, found.caller, found.asked, directory)
        Crossing(self.parts, asker, head.target, passage, decided, decided.to).begin()
        return True

    def _understood(self, head: Head, body: bytes) -> Understood | None:
        """What a request means, None if it is not taken.

        Raises:
            OcpiError: the ordinary path will refuse it.
        """
        match = _TARGET.fullmatch(head.target)
        module = None if match is None else MODULES.get(match[2])
        if match is None or module is None or not module.is_routed:
            return None
        headers = CIMultiDict(head.headers)
        routing = read_routing(headers)
        caller = self.authentication.shown(headers)
        if not caller.is_registered or caller.platform.is_blocked or caller.ends_rotation:
            return None
        target = target_of(head.target)
        tail = tail_below(target.path, ABOVE_TAIL)
        operation, parameters = module.match(_INTERFACES[match[1]], head.method, tail)
        ids = read_ids(headers, self.parts.new_id)
        message = Message(module, operation, parameters, tail, target.query, ids, routing, head.headers, body)
        if routing.to is None and not is_push_to_everybody(message):
            return Understood(headers, caller, routing, message, None, None)
        decided = self.parts.exchange.deciding.at_once(message, caller.platform)
        to = decided.to
        look = None
        if isinstance(to, Direct) and not waits(operation):
            look = self.parts.exchange.look(decided, to)
        return Understood(headers, caller, routing, message, decided, look)


def waits(operation: Operation) -> bool:
    """Whether the relay of an operation waits for more than its answer."""
    return (
        operation.response_url is not None
        or operation.teaches is not None
        or operation.answers_location
        or operation.paged
    )
