"""Whether a token may charge: decided here, or asked of its eMSP.

| token   | whitelist       | decided                | if the eMSP cannot be reached |
|---------|-----------------|------------------------|-------------------------------|
| known   | ALWAYS          | here, by `valid`       | -                             |
| known   | ALLOWED         | here, by `valid`       | -                             |
| known   | ALLOWED_OFFLINE | by the eMSP            | here, by `valid`              |
| known   | NEVER           | by the eMSP            | refused                       |
| unknown | -               | by whom the hub finds  | refused                       |

The whitelist decides whether the eMSP is asked, also for a token that is not valid. OCPI leaves ALLOWED to
the CPO: an answer from here is faster, and does not fail.

Sources: 2.2.1, Tokens, WhitelistType; TOK-07, TOK-08, TOK-21, AM-41.
"""

from dataclasses import dataclass

from partners.cpo.charging.charging_events import AuthorizationStatus
from schemas.v2_2_1 import AllowedType, Token, WhitelistType


@dataclass(frozen=True, slots=True)
class DecidedHere:
    """The list answers."""

    status: AuthorizationStatus


@dataclass(frozen=True, slots=True)
class AskTheEmsp:
    """The eMSP answers; if it cannot be reached, this status does."""

    otherwise: AuthorizationStatus


def decision(token: Token | None) -> DecidedHere | AskTheEmsp:
    """Who decides about a token, and what the list says of it."""
    if token is None:
        return AskTheEmsp(AuthorizationStatus.UNKNOWN)
    listed = AuthorizationStatus.ACCEPTED if token.valid else AuthorizationStatus.INVALID
    match token.whitelist:
        case WhitelistType.ALWAYS | WhitelistType.ALLOWED:
            return DecidedHere(listed)
        case WhitelistType.ALLOWED_OFFLINE:
            return AskTheEmsp(listed)
        case _:
            return AskTheEmsp(AuthorizationStatus.INVALID)


#: What the eMSP's word means to a charge point.
STATUS_OF_ALLOWED = {
    AllowedType.ALLOWED: AuthorizationStatus.ACCEPTED,
    AllowedType.BLOCKED: AuthorizationStatus.BLOCKED,
    AllowedType.EXPIRED: AuthorizationStatus.EXPIRED,
    AllowedType.NO_CREDIT: AuthorizationStatus.NO_CREDIT,
    AllowedType.NOT_ALLOWED: AuthorizationStatus.NOT_AT_THIS_LOCATION,
}
