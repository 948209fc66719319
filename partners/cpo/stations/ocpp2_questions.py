"""What is asked of stations, in the words of OCPP 2.0.1 and 2.1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from partners.cpo.quirks import USUAL, Quirks
from partners.cpo.stations.ocpp16_questions import schedule_of
from partners.cpo.stations.questions import (
    CompositeSchedule,
    ListedToken,
    Question,
    Setting,
    TransactionRef,
    timestamp,
)
from partners.cpo.wiring import WHOLE_CHARGE_POINT, Wiring
from partners.ocpp.versions import Version
from schemas.v2_2_1 import ChargingProfile, TokenType

_TYPES: Final[Mapping[str, str]] = {
    TokenType.APP_USER: "Central",
    TokenType.AD_HOC_USER: "Central",
    TokenType.OTHER: "Local",
}


def id_token(id_tag: str, token_type: TokenType, quirks: Quirks = USUAL) -> dict[str, Any]:
    """An idToken as a station knows it."""
    if token_type is TokenType.RFID:
        return {"idToken": quirks.uid(id_tag), "type": quirks.rfid}
    return {"idToken": id_tag, "type": _TYPES.get(token_type, "Central")}


@dataclass(frozen=True, slots=True)
class Ocpp2Questions:
    """See `Questions`."""

    version: Version
    wiring: Wiring
    quirks: Quirks = USUAL

    @property
    def longest_id_tag(self) -> int:
        """A uid of OCPI, which has at most 36 characters, always fits."""
        return 36 if self.version is Version.V2_0_1 else 255

    def remote_start(
        self, connector_id: int | None, id_tag: str, token_type: TokenType, number: int
    ) -> Question:
        """RequestStartTransaction."""
        payload: dict[str, Any] = {
            "idToken": id_token(id_tag, token_type, self.quirks),
            "remoteStartId": number,
        }
        if connector_id is not None:
            payload["evseId"] = self.wiring.outlet(connector_id).evse_id
        return Question("RequestStartTransaction", payload)

    def remote_stop(self, transaction: str) -> Question:
        """RequestStopTransaction."""
        return Question("RequestStopTransaction", {"transactionId": transaction})

    def unlock(self, connector_id: int) -> Question:
        """UnlockConnector; says no while somebody charges."""
        outlet = self.wiring.outlet(connector_id)
        payload = {"evseId": outlet.evse_id, "connectorId": outlet.connector_id}
        return Question("UnlockConnector", payload)

    def reserve(
        self, connector_id: int, id_tag: str, token_type: TokenType, number: int, expires: datetime
    ) -> Question:
        """ReserveNow; without an EVSE: any of them."""
        payload: dict[str, Any] = {
            "id": number,
            "expiryDateTime": timestamp(expires),
            "idToken": id_token(id_tag, token_type, self.quirks),
        }
        if connector_id != WHOLE_CHARGE_POINT:
            payload["evseId"] = self.wiring.outlet(connector_id).evse_id
        return Question("ReserveNow", payload)

    def cancel_reservation(self, number: int) -> Question:
        """CancelReservation."""
        return Question("CancelReservation", {"reservationId": number})

    def trigger(self, message: str, connector_id: int | None = None) -> Question:
        """TriggerMessage; a status is of one connector, other messages are of an EVSE."""
        payload: dict[str, Any] = {"requestedMessage": message}
        if connector_id is not None:
            outlet = self.wiring.outlet(connector_id)
            payload["evse"] = {"id": outlet.evse_id, "connectorId": outlet.connector_id}
            if message != "StatusNotification":
                del payload["evse"]["connectorId"]
        return Question("TriggerMessage", payload)

    def availability(self, connector_id: int, *, operative: bool) -> Question:
        """ChangeAvailability."""
        payload: dict[str, Any] = {"operationalStatus": "Operative" if operative else "Inoperative"}
        if connector_id != WHOLE_CHARGE_POINT:
            outlet = self.wiring.outlet(connector_id)
            payload["evse"] = {"id": outlet.evse_id, "connectorId": outlet.connector_id}
        return Question("ChangeAvailability", payload)

    def reset(self, *, hard: bool) -> Question:
        """Reset."""
        return Question("Reset", {"type": "Immediate" if hard else "OnIdle"})

    def read(self, setting: Setting) -> Question:
        """GetVariables of one variable."""
        return Question("GetVariables", {"getVariableData": [_variable(setting)]})

    def value(self, setting: Setting, answer: Mapping[str, Any]) -> str | None:
        """Its value."""
        del setting
        found = [each for each in answer["getVariableResult"] if each["attributeStatus"] == "Accepted"]
        return found[0].get("attributeValue") if found else None

    def write(self, setting: Setting, value: str) -> Question:
        """SetVariables of one variable."""
        return Question("SetVariables", {"setVariableData": [_variable(setting) | {"attributeValue": value}]})

    def written(self, answer: Mapping[str, Any]) -> str:
        """Accepted, Rejected, UnknownComponent, …."""
        return str(answer["setVariableResult"][0]["attributeStatus"])

    def set_profile(
        self, connector_id: int, transaction: TransactionRef, profile: ChargingProfile
    ) -> Question:
        """SetChargingProfile, one TxProfile a transaction."""
        payload = {
            "evseId": self.wiring.outlet(connector_id).evse_id,
            "chargingProfile": {
                "id": transaction.number,
                "transactionId": transaction.name,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative" if profile.start_date_time is None else "Absolute",
                "chargingSchedule": [{"id": transaction.number, **schedule_of(profile)}],
            },
        }
        return Question("SetChargingProfile", payload)

    def limit(self, profile_id: int, watt: int, now: datetime) -> Question:
        """SetChargingProfile, the ChargingStationMaxProfile at EVSE 0, which may not be Relative."""
        payload = {
            "evseId": WHOLE_CHARGE_POINT,
            "chargingProfile": {
                "id": profile_id,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargingStationMaxProfile",
                "chargingProfileKind": "Absolute",
                "chargingSchedule": [
                    {
                        "id": profile_id,
                        "startSchedule": timestamp(now),
                        "chargingRateUnit": "W",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": Decimal(watt)}],
                    }
                ],
            },
        }
        return Question("SetChargingProfile", payload)

    def default_profile(self, profile_id: int, profile: ChargingProfile) -> Question:
        """SetChargingProfile, the TxDefaultProfile at EVSE 0."""
        payload = {
            "evseId": WHOLE_CHARGE_POINT,
            "chargingProfile": {
                "id": profile_id,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": [{"id": profile_id, **schedule_of(profile)}],
            },
        }
        return Question("SetChargingProfile", payload)

    def clear_profile(self, profile_id: int) -> Question:
        """ClearChargingProfile."""
        return Question("ClearChargingProfile", {"chargingProfileId": profile_id})

    def composite(self, connector_id: int, seconds: int, unit: str) -> Question:
        """GetCompositeSchedule."""
        evse_id = self.wiring.outlet(connector_id).evse_id
        payload = {"evseId": evse_id, "duration": seconds, "chargingRateUnit": unit}
        return Question("GetCompositeSchedule", payload)

    def schedule(self, answer: Mapping[str, Any]) -> CompositeSchedule | None:
        """What it says."""
        schedule = answer.get("schedule")
        if schedule is None:
            return None
        return CompositeSchedule(
            schedule["scheduleStart"],
            schedule["duration"],
            schedule["chargingRateUnit"],
            # 2.1 may leave the limit of a period out: then there is none.
            [
                (each["startPeriod"], Decimal(str(each.get("limit", -1))))
                for each in schedule["chargingSchedulePeriod"]
            ],
        )

    def local_list_version(self) -> Question:
        """GetLocalListVersion."""
        return Question("GetLocalListVersion", {})

    def listed_version(self, answer: Mapping[str, Any]) -> int:
        """Its version; 0: there is no list."""
        return int(answer["versionNumber"])

    def send_local_list(self, version: int, tokens: Sequence[ListedToken], *, whole: bool) -> Question:
        """SendLocalList; a list without entries has no field for them."""
        payload: dict[str, Any] = {
            "versionNumber": version,
            "updateType": "Full" if whole else "Differential",
        }
        if tokens:
            payload["localAuthorizationList"] = [_entry(token, self.quirks) for token in tokens]
        return Question("SendLocalList", payload)


def _variable(setting: Setting) -> dict[str, Any]:
    variable = {"name": setting.variable} | ({"instance": setting.instance} if setting.instance else {})
    return {"component": {"name": setting.component}, "variable": variable}


def _entry(token: ListedToken, quirks: Quirks) -> dict[str, Any]:
    entry: dict[str, Any] = {"idToken": id_token(token.id_tag, token.token_type, quirks)}
    if token.status is not None:
        info: dict[str, Any] = {"status": token.status}
        if token.expires is not None:
            info["cacheExpiryDateTime"] = timestamp(token.expires)
        if token.parent is not None:
            info["groupIdToken"] = {"idToken": token.parent, "type": "Central"}
        entry["idTokenInfo"] = info
    return entry
