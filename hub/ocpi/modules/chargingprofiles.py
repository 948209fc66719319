"""Charging profiles: how fast a session may charge; the result comes later, to the response_url."""

from hub.ocpi.description import Module, ResponseUrl, receiver, sender
from schemas.v2_2_1 import ActiveChargingProfile, ChargingProfileResponse, Role, SetChargingProfile

MODULE = Module(
    id="chargingprofiles",
    sender_roles=frozenset({Role.SCSP, Role.EMSP}),
    receiver_roles=frozenset({Role.CPO}),
    operations=(
        receiver("GET", "/{session_id}", answer=ChargingProfileResponse, response_url=ResponseUrl.QUERY),
        receiver(
            "PUT",
            "/{session_id}",
            body=SetChargingProfile,
            answer=ChargingProfileResponse,
            response_url=ResponseUrl.BODY,
        ),
        receiver("DELETE", "/{session_id}", answer=ChargingProfileResponse, response_url=ResponseUrl.QUERY),
        sender("PUT", "/{session_id}", body=ActiveChargingProfile),
        # One of three result objects, to the URL that the sender chose (CHP-04).
        sender("POST", "/*"),
    ),
)
