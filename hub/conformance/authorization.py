"""Real-time authorization at a platform's Sender interface of tokens, asked about a card of nobody."""

from hub.conformance.visit import Visit
from hub.ocpi.modules import MODULES
from hub.ocpi.transport import joined_url
from schemas.v2_2_1 import InterfaceRole

NOBODYS_CARD = "no-such-card-here"
NOT_FOUND = 404
UNKNOWN_TOKEN = 2004


async def ask_about_an_unknown_token(visit: Visit) -> None:
    """An unknown token is HTTP 404 and 2004, without data (TOK-11)."""
    endpoint = visit.endpoints.get(("tokens", InterfaceRole.SENDER))
    if endpoint is None:
        return
    subject = f"tokens {InterfaceRole.SENDER}"
    check = visit.report.check(
        "TOK-09 TOK-11", subject, "an unknown token is HTTP 404 and 2004, without data"
    )
    url = joined_url(endpoint, f"/{NOBODYS_CARD}/authorize")
    answer = await visit.ask("POST", url, routing=visit.routing(*MODULES["tokens"].sender_roles))
    if answer is None or answer.envelope is None:
        return
    got = (answer.reply.status, answer.envelope.status_code)
    check.expects(
        holds=got == (NOT_FOUND, UNKNOWN_TOKEN),
        message=f"expected 404 and 2004, got {got[0]} and {got[1]}",
        where=url,
    )
    check.expects(holds=answer.envelope.data is None, message="the answer has data", where=url)
