"""OCPP 2.x: what happens at the charger as its messages, and its calls as wishes to the charger.

An EVSE has one connector here. 2.0.1 and 2.1 differ in little: `v201.py`, `v21.py`.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from partners.charger.call import Call
from partners.charger.central_system_link import Reply
from partners.charger.certificate import Certificate
from partners.charger.connector import Connector, Transaction
from partners.charger.dialects import v2_messages as messages
from partners.charger.dialects import v2_variables as variables
from partners.charger.dialects.dialect import Restart, Speech, timestamp
from partners.charger.dialects.wishes import always_said, answered, certificate_signed, local_list, triggered
from partners.charger.meter import Shown
from partners.charger.outbox import Message
from partners.charger.reservation import Reservation
from partners.charger.smart_charging import Profile, Purpose, RateUnit
from partners.charger.states import BootReason, Cause, Context, Outcome, Status, Token, Trigger, Verdict
from partners.charger.station import Station
from partners.charger.voice import Occasion

_Payload = Mapping[str, Any]

#: Variables in one NotifyReport.
_REPORTED_AT_ONCE = 8


class Dialect2:
    """What 2.0.1 and 2.1 have in common."""

    version = "2.0.1"

    def __init__(self, station: Station, speech: Speech, restart: Restart) -> None:
        self.certificate = Certificate(station.identity)
        self._station = station
        self._speech = speech
        self._restart = restart
        #: What was last said on this link of each connector.
        self._said: dict[int, str] = {}
        self._answers: dict[str, Callable[[_Payload], Reply]] = {
            "CancelReservation": self._cancel_reservation,
            "CertificateSigned": self._certificate_signed,
            "ChangeAvailability": self._change_availability,
            "ClearCache": self._clear_cache,
            "ClearChargingProfile": self._clear_charging_profile,
            "DataTransfer": lambda _: Reply({"status": "UnknownVendorId"}),
            "GetBaseReport": self._get_base_report,
            "GetChargingProfiles": self._get_charging_profiles,
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetLocalListVersion": lambda _: Reply({"versionNumber": station.reader.tokens.version}),
            "GetTransactionStatus": self._get_transaction_status,
            "GetVariables": self._get_variables,
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "ReserveNow": self._reserve_now,
            "Reset": self._reset,
            "SendLocalList": self._send_local_list,
            "SetChargingProfile": self._set_charging_profile,
            "SetVariables": self._set_variables,
            "TriggerMessage": self._trigger_message,
            "UnlockConnector": self._unlock_connector,
        }

    # What it tells

    def boot_notification(self, reason: BootReason) -> Call:
        """Who it is."""
        return messages.boot_notification(self._station.identity, reason)

    def whole_changed(self, status: Status) -> None:
        """EVSE 0, as some chargers tell it, though 2.x has no such EVSE."""
        at = self._station.time.now()
        self._speech.say(messages.status_notification(0, 0, status.value, at))

    def disconnected(self) -> None:
        """On the next link everything is worth saying again."""
        self._said.clear()

    def status_changed(self, connectors: Sequence[Connector]) -> None:
        """StatusNotification, unless it would say the same again."""
        for each in connectors:
            status = messages.connector_status(each)
            if self._said.get(each.connector_id) != status:
                self._say_status(each)

    def began(self, connector: Connector, transaction: Transaction, occasion: Occasion) -> None:
        """TransactionEvent Started, under an id that is made here."""
        transaction.transaction_id = str(uuid.uuid4())
        self._tell("Started", connector, transaction, occasion)

    def went_on(self, connector: Connector, transaction: Transaction, occasion: Occasion) -> None:
        """TransactionEvent Updated."""
        self._tell("Updated", connector, transaction, occasion)

    def ended(
        self,
        connector: Connector,
        transaction: Transaction,
        occasion: Occasion,
        cause: Cause,
        token: Token | None,
    ) -> None:
        """TransactionEvent Ended."""
        self._tell("Ended", connector, transaction, occasion, cause, token)

    def measured(self, connector: Connector, shown: Shown) -> None:
        """MeterValues, which never say of which transaction they are."""
        # Also when it was asked for it: 2.x has one list for all that is told outside of transactions.
        wanted = self._station.configuration.members("MeterValuesAlignedData")
        measured = messages.meter_value(shown, wanted)
        if measured is not None:
            self._speech.say(messages.meter_values(connector.connector_id, measured))

    def reservation_over(self, reservation: Reservation) -> None:
        """ReservationStatusUpdate."""
        over = {"reservationId": reservation.id, "reservationUpdateStatus": "Expired"}
        self._speech.put(Message(lambda: Call("ReservationStatusUpdate", over)))

    async def authorize(self, token: Token) -> Verdict:
        """Authorize."""
        answer = await self._speech.ask(Call("Authorize", {"idToken": messages.id_token(token)}))
        return Verdict(answer["idTokenInfo"]["status"])

    def _tell(
        self,
        event: str,
        connector: Connector,
        transaction: Transaction,
        occasion: Occasion,
        cause: Cause | None = None,
        token: Token | None = None,
    ) -> None:
        payload = {
            "eventType": event,
            "timestamp": timestamp(occasion.at),
            "triggerReason": occasion.trigger,
            "seqNo": self._seq_no(transaction),
            "transactionInfo": self._info(connector, transaction, cause),
            "evse": {"id": connector.connector_id, "connectorId": 1},
            **self._told_once(event, transaction, occasion, token),
        }
        if not self._speech.is_up:
            payload["offline"] = True
        measured = self._measured(connector, occasion.shown)
        if measured:
            payload["meterValue"] = measured
        call = Call("TransactionEvent", payload)
        self._speech.put(Message(lambda: call, partial(self._event_answered, connector, transaction)))

    def _seq_no(self, transaction: Transaction) -> int:
        if not self._station.settings.repeats_seq_no:
            transaction.told += 1
            return transaction.told - 1
        return 0

    def _info(self, connector: Connector, transaction: Transaction, cause: Cause | None) -> dict[str, Any]:
        info: dict[str, Any] = {
            "transactionId": transaction.transaction_id,
            "chargingState": messages.charging_state(connector),
        }
        if cause is not None:
            info["stoppedReason"] = messages.stopped_reason(cause)
        if transaction.remote_start_id is not None and self._station.settings.tells_remote_start_id:
            info["remoteStartId"] = transaction.remote_start_id
        return info

    def _told_once(
        self, event: str, transaction: Transaction, occasion: Occasion, token: Token | None
    ) -> dict[str, Any]:
        """The token and the reservation: when they become known, and the token that ends it."""
        if event == "Ended":
            return {} if token is None else {"idToken": messages.id_token(token)}
        identified = {Trigger.AUTHORIZED, Trigger.REMOTE_START}
        if transaction.token is None or (event == "Updated" and occasion.trigger not in identified):
            return {}
        told: dict[str, Any] = {"idToken": messages.id_token(transaction.token)}
        if transaction.reservation_id is not None:
            told["reservationId"] = transaction.reservation_id
        return told

    def _measured(self, connector: Connector, shown: Sequence[Shown]) -> list[dict[str, Any]]:
        signer = self._station.meters[connector.connector_id].signer
        key = None if signer is None else signer.public_key
        known = self._station.configuration
        values = [messages.meter_value(each, known.members(_wanted_in(each.context)), key) for each in shown]
        return [each for each in values if each is not None]

    def _event_answered(self, connector: Connector, transaction: Transaction, answer: _Payload) -> None:
        info = answer.get("idTokenInfo")
        if info is not None and info["status"] != Verdict.ACCEPTED:
            self._station.refuse(connector, transaction)

    def _say_status(self, connector: Connector) -> None:
        status, number = messages.connector_status(connector), connector.connector_id
        if self._speech.is_up:
            self._said[number] = status
        at = self._station.time.now()
        self._speech.say(messages.status_notification(number, 1, status, at))

    # What is wanted of it

    def reply(self, call: Call) -> Reply | None:
        """The answer; None: not offered."""
        answer = self._answers.get(call.action)
        return None if answer is None else answer(call.payload)

    def rejection(self, call: Call) -> _Payload | None:
        """No, in the word that the action has for it."""
        words = {
            "ClearChargingProfile": "Unknown",
            "GetChargingProfiles": "NoProfiles",
            "SendLocalList": "Failed",
            "UnlockConnector": "UnlockFailed",
        }
        if call.action == "SetVariables":
            results = [variables.rejected(each) for each in call.payload["setVariableData"]]
            return {"setVariableResult": results}
        if call.action == "GetVariables":
            results = [variables.rejected(each) for each in call.payload["getVariableData"]]
            return {"getVariableResult": results}
        if call.action in {"GetLocalListVersion", "GetTransactionStatus"} or call.action not in self._answers:
            return None
        return {"status": words.get(call.action, "Rejected")}

    def _request_start(self, payload: _Payload) -> Reply:
        token, connector_id = _token(payload["idToken"]), payload.get("evseId")
        busy = self._station.meant(connector_id)
        outcome, consequence = self._station.remote_start(
            token, connector_id, payload["remoteStartId"], payload.get("chargingProfile")
        )
        if outcome is Outcome.ACCEPTED:
            begun = self._transaction_of_a_waiting_car(busy or [], token)
            return Reply({"status": outcome, **begun}, consequence)
        if busy and all(each.transaction for each in busy):
            return Reply({"status": outcome, "statusInfo": {"reasonCode": "TxInProgress"}})
        return Reply({"status": outcome})

    def _transaction_of_a_waiting_car(self, connectors: Sequence[Connector], token: Token) -> dict[str, Any]:
        for each in connectors:
            if token.is_same(each.authorized) and each.transaction is not None:
                return {"transactionId": each.transaction.transaction_id}
        return {}

    def _request_stop(self, payload: _Payload) -> Reply:
        return answered(self._station.remote_stop(payload["transactionId"]))

    def _unlock_connector(self, payload: _Payload) -> Reply:
        connector = self._station.connectors.get(payload["evseId"])
        if connector is None or payload["connectorId"] != 1:
            return Reply({"status": "UnknownConnector"})
        if connector.transaction is not None and connector.transaction.token is not None:
            return Reply({"status": "OngoingAuthorizedTransaction"})
        outcome, consequence = self._station.unlock(connector.connector_id)
        unlocked = outcome is Outcome.UNLOCKED
        return Reply({"status": "Unlocked" if unlocked else "UnlockFailed"}, consequence)

    def _trigger_message(self, payload: _Payload) -> Reply:
        connectors = self._station.meant(payload.get("evse", {}).get("id"))
        if connectors is None:
            return Reply({"status": Outcome.REJECTED})
        boot = self.boot_notification(BootReason.TRIGGERED)
        known = always_said(self._speech, boot) | {
            "MeterValues": lambda: self._measure(connectors),
            "SignChargingStationCertificate": self._sign_certificate,
            "StatusNotification": lambda: self._say_all(connectors),
            "TransactionEvent": lambda: self._tell_of_transactions(connectors),
        }
        return triggered(payload["requestedMessage"], known)

    def _say_all(self, connectors: Sequence[Connector]) -> None:
        for each in connectors:
            self._say_status(each)

    def _measure(self, connectors: Sequence[Connector]) -> None:
        for each in connectors:
            self.measured(each, self._station.shown(each, Context.TRIGGER))

    def _tell_of_transactions(self, connectors: Sequence[Connector]) -> None:
        for each in connectors:
            if each.transaction is not None:
                shown = self._station.shown(each, Context.TRIGGER)
                occasion = Occasion(self._station.time.now(), Trigger.TRIGGER, (shown,))
                self.went_on(each, each.transaction, occasion)

    def _sign_certificate(self) -> None:
        name = self._station.configuration.values["CpoName"]
        use = "ChargingStationCertificate"
        request = {"csr": self.certificate.request(name), "certificateType": use}
        self._speech.say(Call("SignCertificate", request))

    def _certificate_signed(self, payload: _Payload) -> Reply:
        return certificate_signed(self.certificate, payload["certificateChain"])

    def _reset(self, payload: _Payload) -> Reply:
        if payload["type"] == "OnIdle":
            outcome = Outcome.SCHEDULED if self._station.is_busy else Outcome.ACCEPTED
            return Reply(
                {"status": outcome},
                lambda: self._restart(Cause.SOFT_RESET, when_idle=True, says_all_first=True),
            )
        return Reply({"status": Outcome.ACCEPTED}, lambda: self._restart(Cause.HARD_RESET))

    def _change_availability(self, payload: _Payload) -> Reply:
        in_use = payload["operationalStatus"] == "Operative"
        evse_id = payload.get("evse", {}).get("id", 0)
        return answered(self._station.change_availability(evse_id, in_use=in_use))

    def _reserve_now(self, payload: _Payload) -> Reply:
        group = payload.get("groupIdToken")
        reservation = Reservation(
            payload["id"],
            payload["idToken"]["idToken"],
            datetime.fromisoformat(payload["expiryDateTime"]),
            None if group is None else group["idToken"],
        )
        return answered(self._station.reserve(payload.get("evseId", 0), reservation))

    def _cancel_reservation(self, payload: _Payload) -> Reply:
        return answered(self._station.cancel_reservation(payload["reservationId"]))

    def _set_charging_profile(self, payload: _Payload) -> Reply:
        outcome = self._station.set_profile(payload["evseId"], payload["chargingProfile"])
        return Reply({"status": outcome})

    def _clear_charging_profile(self, payload: _Payload) -> Reply:
        return Reply({"status": self._station.clear_profiles(partial(_is_cleared, payload))})

    def _get_charging_profiles(self, payload: _Payload) -> Reply:
        found = self._station.limits.installed(partial(_is_wanted, payload))
        if not found:
            return Reply({"status": "NoProfiles"})
        return Reply({"status": "Accepted"}, partial(self._report_profiles, payload["requestId"], found))

    def _report_profiles(self, request_id: int, found: Sequence[Profile]) -> None:
        for number, each in enumerate(found, 1):
            self._speech.say(messages.report_charging_profiles(request_id, each, more=number < len(found)))

    def _get_composite_schedule(self, payload: _Payload) -> Reply:
        station, seconds, evse_id = self._station, payload["duration"], payload["evseId"]
        now = station.time.now()
        steps = station.limits.composite(evse_id, now, seconds)
        if steps is None:
            return Reply({"status": Outcome.REJECTED})
        unit, phases = RateUnit(payload.get("chargingRateUnit", "W")), station.settings.phases
        return Reply(messages.composite_schedule(evse_id, now, seconds, steps, unit, phases))

    def _get_variables(self, payload: _Payload) -> Reply:
        known = self._station.configuration
        results = [variables.read(known, each) for each in payload["getVariableData"]]
        return Reply({"getVariableResult": results})

    def _set_variables(self, payload: _Payload) -> Reply:
        known = self._station.configuration
        before = known.password
        results = [variables.change(known, each) for each in payload["setVariableData"]]
        consequence = (self._speech.come_back,) if known.password != before else ()
        return Reply({"setVariableResult": results}, *consequence)

    def _get_base_report(self, payload: _Payload) -> Reply:
        if payload["reportBase"] == "SummaryInventory":
            return Reply({"status": Outcome.NOT_SUPPORTED})
        return Reply({"status": Outcome.ACCEPTED}, partial(self._report, payload["requestId"]))

    def _report(self, request_id: int) -> None:
        report = variables.report(self._station.configuration)
        at = timestamp(self._station.time.now())
        for number, begin in enumerate(range(0, len(report), _REPORTED_AT_ONCE)):
            end = begin + _REPORTED_AT_ONCE
            part = {
                "requestId": request_id,
                "generatedAt": at,
                "seqNo": number,
                "tbc": end < len(report),
                "reportData": report[begin:end],
            }
            self._speech.say(Call("NotifyReport", part))

    def _get_transaction_status(self, payload: _Payload) -> Reply:
        status: dict[str, Any] = {"messagesInQueue": self._speech.waiting > 0}
        if "transactionId" in payload:
            status["ongoingIndicator"] = self._station.transaction(payload["transactionId"]) is not None
        return Reply(status)

    def _clear_cache(self, _payload: _Payload) -> Reply:
        self._station.reader.tokens.forget()
        return Reply({"status": Outcome.ACCEPTED})

    def _send_local_list(self, payload: _Payload) -> Reply:
        entries = [
            (each["idToken"]["idToken"], _listed(each)) for each in payload.get("localAuthorizationList", [])
        ]
        return local_list(
            self._station.reader.tokens, payload["versionNumber"], payload["updateType"], entries
        )


def _wanted_in(context: Context) -> str:
    """The setting that says what is told in an event of a transaction."""
    return {
        Context.BEGIN: "TxStartedMeasurands",
        Context.CLOCK: "MeterValuesAlignedData",
        Context.END: "TxEndedMeasurands",
    }.get(context, "MeterValuesSampledData")


def _token(value: _Payload) -> Token:
    return Token(value["idToken"], value["type"])


def _listed(entry: _Payload) -> Verdict | None:
    return Verdict(entry["idTokenInfo"]["status"]) if "idTokenInfo" in entry else None


def _is_cleared(payload: _Payload, profile: Profile) -> bool:
    """Whether ClearChargingProfile means this one: the one with the id, else those that match all."""
    if "chargingProfileId" in payload:
        return bool(profile.id == payload["chargingProfileId"])
    criteria = payload.get("chargingProfileCriteria", {})
    return criteria.get("evseId") in {None, profile.connector_id} and _matches(criteria, profile)


def _is_wanted(payload: _Payload, profile: Profile) -> bool:
    """Whether GetChargingProfiles means this one."""
    criteria = payload["chargingProfile"]
    ids = criteria.get("chargingProfileId")
    sources = criteria.get("chargingLimitSource")
    return (
        payload.get("evseId") in {None, profile.connector_id}
        and (ids is None or profile.id in ids)
        and (sources is None or "CSO" in sources)
        and _matches(criteria, profile)
    )


def _matches(criteria: _Payload, profile: Profile) -> bool:
    purpose = criteria.get("chargingProfilePurpose")
    return (purpose is None or Purpose.named(purpose) is profile.purpose) and criteria.get("stackLevel") in {
        None,
        profile.stack_level,
    }
