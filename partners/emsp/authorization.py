"""May this token charge here? Decided from values alone (TOK-09 to TOK-14)."""

from dataclasses import dataclass

from hub.ocpi.errors import NotEnoughInformation
from schemas.v2_2_1 import AllowedType, AuthorizationInfo, LocationReferences, Token


@dataclass(frozen=True, slots=True)
class Standing:
    """What the eMSP knows of a token beside the Token object."""

    #: What to answer, where the token is valid.
    allowed: AllowedType = AllowedType.ALLOWED
    #: The only places at which the token may charge, each perhaps with its EVSEs; empty: everywhere.
    places: tuple[LocationReferences, ...] = ()


EVERYWHERE = Standing()


def authorization(
    token: Token, standing: Standing, asked: LocationReferences | None, reference: str
) -> AuthorizationInfo:
    """The answer to a real-time authorization.

    Opening hours and the status of the EVSE do not matter, and a location that we have never heard of is
    normal (TOK-14).

    Args:
        token: The complete token.
        standing: What else is known of it.
        asked: Where the driver stands, None where the CPO did not say.
        reference: Comes back in Session and CDR (TOK-15).

    Raises:
        NotEnoughInformation: it depends on the place, and none was given (TOK-12).
    """
    allowed = AllowedType.BLOCKED if not token.valid else standing.allowed
    if allowed != AllowedType.ALLOWED:
        return AuthorizationInfo(allowed=allowed, token=token)
    if standing.places and asked is None:
        raise NotEnoughInformation("this token may charge at certain locations only: say at which it is")
    place = None if asked is None else _place(standing, asked)
    if asked is not None and place is None:
        return AuthorizationInfo(allowed=AllowedType.NOT_ALLOWED, token=token)
    given = {} if place is None else {"location": place}
    return AuthorizationInfo(allowed=allowed, token=token, authorization_reference=reference, **given)


def _place(standing: Standing, asked: LocationReferences) -> LocationReferences | None:
    """Where of what was asked the token may charge, None where nowhere (TOK-13)."""
    if not standing.places:
        return asked
    for place in standing.places:
        if place.location_id.upper() == asked.location_id.upper():
            return _narrowed(place, asked)
    return None


def _narrowed(place: LocationReferences, asked: LocationReferences) -> LocationReferences | None:
    if not place.evse_uids:
        return asked
    permitted = {uid.upper() for uid in place.evse_uids}
    evse_uids = tuple(uid for uid in asked.evse_uids or place.evse_uids if uid.upper() in permitted)
    return LocationReferences(location_id=asked.location_id, evse_uids=evse_uids) if evse_uids else None
