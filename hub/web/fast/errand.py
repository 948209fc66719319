"""One request on the fast path whose answer waits for more than one answer: an errand, which is a task.

The hub answers it itself (a push that it keeps, a page of what it keeps), or something must be written down
before it goes on or before its answer goes back (a URL of the hub, a CDR), or it names nobody, and what the
hub keeps tells for whom it is.
"""

from hub.calling.noticing import pushed
from hub.directory.directory import Platform
from hub.ocpi.errors import OcpiError
from hub.ocpi.message import Message, Reply
from hub.relay.decision import Decision
from hub.web.answer_bytes import answer_bytes
from hub.web.edge import Passage, entry, refusal, surprise
from hub.web.fast.crossing import Asker, Parts
from hub.web.routes import is_push


async def answer(
    parts: Parts,
    asker: Asker,
    target: str,
    passage: Passage,
    message: Message,
    caller: Platform,
    decided: Decision | None,
) -> None:
    """Answer a request, and write it down.

    Args:
        parts: What it stands on.
        asker: Who waits for the answer.
        target: As it stands in the request line.
        passage: What is known of the request.
        message: What it says.
        caller: Who sent it.
        decided: What becomes of it; None where that is still to be found out.
    """
    try:
        exchange = parts.exchange
        reply = await (exchange.answer(message, caller) if decided is None else exchange.follow(decided))
        passage.note, passage.look = reply.note, reply.look
        if is_push(message):
            for seen in pushed(caller, passage.ids.correlation_id):
                parts.observe(caller.id, seen)
        _answer(parts, asker, target, passage, message, reply)
    except OcpiError as error:
        _answer(parts, asker, target, passage, message, refusal(error, parts.clock(), passage))
    except Exception as error:  # noqa: BLE001 whoever asked is told, whatever happens
        refused = refusal(surprise(error, passage), parts.clock(), passage)
        _answer(parts, asker, target, passage, message, refused)


def _answer(
    parts: Parts, asker: Asker, target: str, passage: Passage, message: Message, reply: Reply
) -> None:
    asker.answered(answer_bytes(reply, passage.ids))
    ended = entry(message.method, target, reply.status, reply.body, passage, parts.clock())
    parts.looking.record(ended, passage.look)
