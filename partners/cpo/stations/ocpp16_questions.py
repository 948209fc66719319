"""What is asked of charge points, in the words of OCPP 1.6."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from partners.cpo.quirks import USUAL, Quirks
from partners.cpo.stations.questions import (
    CompositeSchedule,
    ListedToken,
    Question,
    Setting,
    TransactionRef,
    timestamp,
)
from schemas.v2_2_1 import ChargingProfile, TokenType


@dataclass(frozen=True, slots=True)
class Ocpp16Questions:
    """See `Questions`."""

    quirks: Quirks = USUAL

    @property
    def longest_id_tag(self) -> int:
        """An idTag of 1.6."""
        return 20

    def remote_start(
        self, connector_id: int | None, id_tag: str, token_type: TokenType, number: int
    ) -> Question:
        """RemoteStartTransaction, which knows neither the type of a token nor a number."""
        del token_type, number
        payload: dict[str, Any] = {"idTag": self.quirks.uid(id_tag)}
        if connector_id is not None:
            payload["connectorId"] = connector_id
        return Question("RemoteStartTransaction", payload)

    def remote_stop(self, transaction: str) -> Question:
        """RemoteStopTransaction."""
        return Question("RemoteStopTransaction", {"transactionId": int(transaction)})

    def unlock(self, connector_id: int) -> Question:
        """UnlockConnector; ends a transaction that is under way."""
        return Question("UnlockConnector", {"connectorId": connector_id})

    def reserve(
        self, connector_id: int, id_tag: str, token_type: TokenType, number: int, expires: datetime
    ) -> Question:
        """ReserveNow; the same number replaces."""
        del token_type
        payload = {
            "connectorId": connector_id,
            "expiryDate": timestamp(expires),
            "idTag": self.quirks.uid(id_tag),
            "reservationId": number,
        }
        return Question("ReserveNow", payload)

    def cancel_reservation(self, number: int) -> Question:
        """CancelReservation."""
        return Question("CancelReservation", {"reservationId": number})

    def trigger(self, message: str, connector_id: int | None = None) -> Question:
        """TriggerMessage; without a connector: for all of them."""
        at = {} if connector_id is None else {"connectorId": connector_id}
        return Question("TriggerMessage", {"requestedMessage": message} | at)

    def availability(self, connector_id: int, *, operative: bool) -> Question:
        """ChangeAvailability."""
        kind = "Operative" if operative else "Inoperative"
        return Question("ChangeAvailability", {"connectorId": connector_id, "type": kind})

    def reset(self, *, hard: bool) -> Question:
        """Reset."""
        return Question("Reset", {"type": "Hard" if hard else "Soft"})

    def read(self, setting: Setting) -> Question:
        """GetConfiguration of one key."""
        return Question("GetConfiguration", {"key": [setting.key]})

    def value(self, setting: Setting, answer: Mapping[str, Any]) -> str | None:
        """Its value."""
        values = [
            each.get("value") for each in answer.get("configurationKey", ()) if each["key"] == setting.key
        ]
        return values[0] if values else None

    def write(self, setting: Setting, value: str) -> Question:
        """ChangeConfiguration."""
        return Question("ChangeConfiguration", {"key": setting.key, "value": value})

    def written(self, answer: Mapping[str, Any]) -> str:
        """Accepted, Rejected, RebootRequired or NotSupported."""
        return str(answer["status"])

    def set_profile(
        self, connector_id: int, transaction: TransactionRef, profile: ChargingProfile
    ) -> Question:
        """SetChargingProfile, one TxProfile a transaction."""
        payload = {
            "connectorId": connector_id,
            "csChargingProfiles": {
                "chargingProfileId": transaction.number,
                "transactionId": int(transaction.name),
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative" if profile.start_date_time is None else "Absolute",
                "chargingSchedule": schedule_of(profile),
            },
        }
        return Question("SetChargingProfile", payload)

    def limit(self, profile_id: int, watt: int, now: datetime) -> Question:
        """SetChargingProfile, the ChargePointMaxProfile at connector 0."""
        del now
        payload = {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": profile_id,
                "stackLevel": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": Decimal(watt)}],
                },
            },
        }
        return Question("SetChargingProfile", payload)

    def default_profile(self, profile_id: int, profile: ChargingProfile) -> Question:
        """SetChargingProfile, the TxDefaultProfile at connector 0."""
        payload = {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": profile_id,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxDefaultProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": schedule_of(profile),
            },
        }
        return Question("SetChargingProfile", payload)

    def clear_profile(self, profile_id: int) -> Question:
        """ClearChargingProfile."""
        return Question("ClearChargingProfile", {"id": profile_id})

    def composite(self, connector_id: int, seconds: int, unit: str) -> Question:
        """GetCompositeSchedule."""
        payload = {"connectorId": connector_id, "duration": seconds, "chargingRateUnit": unit}
        return Question("GetCompositeSchedule", payload)

    def schedule(self, answer: Mapping[str, Any]) -> CompositeSchedule | None:
        """What it says, if it says all of it."""
        if "chargingSchedule" not in answer or "scheduleStart" not in answer:
            return None
        schedule = answer["chargingSchedule"]
        return CompositeSchedule(
            answer["scheduleStart"],
            schedule.get("duration"),
            schedule["chargingRateUnit"],
            [
                (each["startPeriod"], Decimal(str(each["limit"])))
                for each in schedule["chargingSchedulePeriod"]
            ],
        )

    def local_list_version(self) -> Question:
        """GetLocalListVersion."""
        return Question("GetLocalListVersion", {})

    def listed_version(self, answer: Mapping[str, Any]) -> int:
        """Its version; -1: there is no list."""
        return int(answer["listVersion"])

    def send_local_list(self, version: int, tokens: Sequence[ListedToken], *, whole: bool) -> Question:
        """SendLocalList."""
        payload = {
            "listVersion": version,
            "updateType": "Full" if whole else "Differential",
            "localAuthorizationList": [_entry(token, self.quirks.uid(token.id_tag)) for token in tokens],
        }
        return Question("SendLocalList", payload)


def _entry(token: ListedToken, id_tag: str) -> dict[str, Any]:
    if token.status is None:
        return {"idTag": id_tag}
    optional = {
        "parentIdTag": token.parent,
        "expiryDate": None if token.expires is None else timestamp(token.expires),
    }
    info = {"status": token.status} | {name: each for name, each in optional.items() if each is not None}
    return {"idTag": id_tag, "idTagInfo": info}


def schedule_of(profile: ChargingProfile) -> dict[str, Any]:
    """A ChargingSchedule, which is the same in every version of OCPP, but for an id in 2.x."""
    optional = {
        "duration": profile.duration,
        "startSchedule": None if profile.start_date_time is None else timestamp(profile.start_date_time),
        "minChargingRate": profile.min_charging_rate,
    }
    return {
        "chargingRateUnit": str(profile.charging_rate_unit),
        "chargingSchedulePeriod": [
            {"startPeriod": each.start_period, "limit": each.limit}
            for each in profile.charging_profile_period
        ],
    } | {name: each for name, each in optional.items() if each is not None}
