"""One request on the fast path whose answer waits for more than one answer: an errand, which is a task.

The hub answers it itself (a push that it keeps, a page of what it keeps), or something must be written down
before it goes on or before its answer goes back: a URL of the hub, a CDR.
"""

from hub.calling.noticing import pushed
from hub.ocpi.errors import OcpiError
from hub.ocpi.message import Reply
from hub.relay.decision import Decision
from hub.web.answers import answer_bytes
from hub.web.edge import Passage, entry, refusal, surprise
from hub.web.fast.crossing import Asker, Parts
from hub.web.routes import is_push


async def answer(parts: Parts, asker: Asker, target: str, passage: Passage, decided: Decision) -> None:
    """Answer a request, and write it down.

    Args:
        parts: What it stands on.
        asker: Who waits for the answer.
        target: As it stands in the request line.
        passage: What is known of the request.
        decided: What becomes of it.
    """
    try:
        reply = await parts.exchange.follow(decided)
        passage.note, passage.look = reply.note, reply.look
        if is_push(decided.message):
            for seen in pushed(decided.caller, passage.ids.correlation_id):
                parts.observe(decided.caller.id, seen)
        _answer(parts, asker, target, passage, decided, reply)
    except OcpiError as error:
        _answer(parts, asker, target, passage, decided, refusal(error, parts.clock(), passage))
    except Exception as error:  # noqa: BLE001 whoever asked is told, whatever happens
        refused = refusal(surprise(error, passage), parts.clock(), passage)
        _answer(parts, asker, target, passage, decided, refused)


def _answer(
    parts: Parts, asker: Asker, target: str, passage: Passage, decided: Decision, reply: Reply
) -> None:
    asker.answered(answer_bytes(reply, passage.ids))
    ended = entry(decided.message.method, target, reply.status, reply.body, passage, parts.clock())
    parts.looking.record(ended, passage.look)
