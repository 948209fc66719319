"""Charging profiles: how fast a session may charge; the result comes later, to the response_url."""

from hub.ocpi.description import Clue, Module, ResponseUrl, receiver, sender
from schemas.v2_2_1 import (
    ActiveChargingProfile,
    ActiveChargingProfileResult,
    ChargingProfileResponse,
    ChargingProfileResult,
    ChargingProfileResultType,
    ClearProfileResult,
    Role,
    SetChargingProfile,
)

#: There is no value for it: the one after which a requester asks again, and believes nothing (decision 0024).
NO_RESULT = ChargingProfileResultType.REJECTED

MODULE = Module(
    id="chargingprofiles",
    sender_roles=frozenset({Role.SCSP, Role.EMSP}),
    receiver_roles=frozenset({Role.CPO}),
    operations=(
        receiver(
            "GET",
            "/{session_id}",
            answer=ChargingProfileResponse,
            response_url=ResponseUrl.QUERY,
            no_result=ActiveChargingProfileResult(result=NO_RESULT),
            clue=Clue.SESSION,
        ),
        receiver(
            "PUT",
            "/{session_id}",
            body=SetChargingProfile,
            answer=ChargingProfileResponse,
            response_url=ResponseUrl.BODY,
            no_result=ChargingProfileResult(result=NO_RESULT),
            clue=Clue.SESSION,
            teaches=Clue.CHARGING_PROFILE,
        ),
        receiver(
            "DELETE",
            "/{session_id}",
            answer=ChargingProfileResponse,
            response_url=ResponseUrl.QUERY,
            no_result=ClearProfileResult(result=NO_RESULT),
            clue=Clue.SESSION,
        ),
        sender("PUT", "/{session_id}", body=ActiveChargingProfile, clue=Clue.CHARGING_PROFILE),
        # One of three result objects, to the URL that the sender chose (CHP-04).
        sender("POST", "/*"),
    ),
)
