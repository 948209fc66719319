"""OCPP 1.6J: what happens at the charger as its messages, and its calls as wishes to the charger."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from partners.charger.call import Call
from partners.charger.central_system_link import Reply
from partners.charger.certificate import Certificate
from partners.charger.connector import Connector, Transaction
from partners.charger.dialects import v16_messages as messages
from partners.charger.dialects.dialect import Restart, Speech
from partners.charger.dialects.wishes import always_said, answered, certificate_signed, local_list, triggered
from partners.charger.meter import Shown
from partners.charger.outbox import Message
from partners.charger.reservation import Reservation
from partners.charger.smart_charging import Profile, RateUnit
from partners.charger.states import (
    BootReason,
    Cause,
    Context,
    Outcome,
    Status,
    Token,
    Verdict,
)
from partners.charger.station import Station
from partners.charger.voice import Occasion

_Payload = Mapping[str, Any]


class Dialect16:
    """1.6J with the profiles Core, Local Auth List, Remote Trigger, Reservation and Smart Charging."""

    version = "1.6"

    def __init__(self, station: Station, speech: Speech, restart: Restart) -> None:
        self.certificate = Certificate(station.identity)
        self._station = station
        self._speech = speech
        self._restart = restart
        #: The readings at the begin of transactions, to be told at their end.
        self._begun: dict[int, Shown] = {}
        self._answers: dict[str, Callable[[_Payload], Reply]] = {
            "CancelReservation": self._cancel_reservation,
            "CertificateSigned": self._certificate_signed,
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": self._clear_cache,
            "ClearChargingProfile": self._clear_charging_profile,
            "DataTransfer": lambda _: Reply({"status": "UnknownVendorId"}),
            "ExtendedTriggerMessage": self._trigger_message,
            "GetCompositeSchedule": self._get_composite_schedule,
            "GetConfiguration": self._get_configuration,
            "GetLocalListVersion": lambda _: Reply({"listVersion": station.reader.tokens.version}),
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "ReserveNow": self._reserve_now,
            "Reset": self._reset,
            "SendLocalList": self._send_local_list,
            "SetChargingProfile": self._set_charging_profile,
            "TriggerMessage": self._trigger_message,
            "UnlockConnector": self._unlock_connector,
        }

    # What it tells

    def boot_notification(self, _reason: BootReason) -> Call:
        """Who it is; 1.6 does not say why it boots."""
        return messages.boot_notification(self._station.identity)

    def whole_changed(self, status: Status) -> None:
        """Connector 0."""
        self._speech.say(messages.status_notification(0, status, self._station.time.now()))

    def disconnected(self) -> None:
        """Nothing is remembered of a link."""

    def status_changed(self, connectors: Sequence[Connector]) -> None:
        """StatusNotification."""
        at = self._station.time.now()
        for each in connectors:
            self._speech.say(messages.status_notification(each.connector_id, each.status, at))

    def began(self, connector: Connector, transaction: Transaction, occasion: Occasion) -> None:
        """StartTransaction; its answer has the number."""
        (shown,) = occasion.shown
        self._begun[connector.connector_id] = shown
        meter = self._station.meters[connector.connector_id]
        started = messages.start_transaction(transaction, meter.register_wh(transaction.meter_start_wh))
        self._speech.put(Message(lambda: started, partial(self._start_answered, connector, transaction)))

    def went_on(self, connector: Connector, transaction: Transaction, occasion: Occasion) -> None:
        """MeterValues, if there are any; 1.6 tells nothing else."""
        for shown in occasion.shown:
            self._say_measured(connector, shown, transaction)

    def ended(
        self,
        connector: Connector,
        transaction: Transaction,
        occasion: Occasion,
        cause: Cause,
        token: Token | None,
    ) -> None:
        """StopTransaction, with the readings at both ends: what is wanted of them, and signed if it can."""
        (shown,) = occasion.shown
        readings = [self._begun.pop(connector.connector_id, None), shown]
        data = [value for each in readings if each for value in self._told_at_the_end(connector, each)]
        # There is no StopTransaction without a value.
        meter_stop_wh = self._station.meters[connector.connector_id].register_wh(shown.reading.register_wh)
        meter_stop_wh = 0 if shown.register_wh is None else meter_stop_wh
        id_tag = None if token is None else token.id
        self._speech.put(
            Message(
                lambda: messages.stop_transaction(
                    transaction, meter_stop_wh, occasion.at, cause, id_tag, data
                )
            )
        )

    def measured(self, connector: Connector, shown: Shown) -> None:
        """MeterValues."""
        self._say_measured(connector, shown, connector.transaction)

    def reservation_over(self, _reservation: Reservation) -> None:
        """1.6 tells it by the status alone."""

    async def authorize(self, token: Token) -> Verdict:
        """Authorize."""
        return _verdict(await self._speech.ask(Call("Authorize", {"idTag": token.id})))

    def _start_answered(self, connector: Connector, transaction: Transaction, answer: _Payload) -> None:
        transaction.transaction_id = answer["transactionId"]
        if _verdict(answer) is not Verdict.ACCEPTED:
            self._station.refuse(connector, transaction)

    def _say_measured(self, connector: Connector, shown: Shown, transaction: Transaction | None) -> None:
        key = "MeterValuesAlignedData" if shown.context is Context.CLOCK else "MeterValuesSampledData"
        measured = messages.meter_value(shown, self._station.configuration.members(key))
        if measured["sampledValue"]:
            told = partial(messages.meter_values, connector.connector_id, measured, transaction)
            self._speech.put(Message(told, outlives_the_link=transaction is not None))

    def _told_at_the_end(self, connector: Connector, shown: Shown) -> list[dict[str, Any]]:
        wanted = self._station.configuration.members("StopTxnSampledData")
        sampled = messages.meter_value(shown, wanted)
        signed = [] if shown.signed is None else [self._signed_value(connector, shown)]
        return signed + ([sampled] if sampled["sampledValue"] else [])

    def _signed_value(self, connector: Connector, shown: Shown) -> dict[str, Any]:
        signer = self._station.meters[connector.connector_id].signer
        return messages.signed_value(shown, signer.public_key if signer else b"")

    # What is wanted of it

    def reply(self, call: Call) -> Reply | None:
        """The answer; None: not offered."""
        answer = self._answers.get(call.action)
        return None if answer is None else answer(call.payload)

    def rejection(self, call: Call) -> _Payload | None:
        """No, in the word that the action has for it."""
        words = {
            "UnlockConnector": "UnlockFailed",
            "ClearChargingProfile": "Unknown",
            "SendLocalList": "Failed",
        }
        if call.action in {"GetConfiguration", "GetLocalListVersion"} or call.action not in self._answers:
            return None
        return {"status": words.get(call.action, "Rejected")}

    def _remote_start(self, payload: _Payload) -> Reply:
        token = Token(payload["idTag"])
        wanted, profile = payload.get("connectorId"), payload.get("chargingProfile")
        return answered(self._station.remote_start(token, wanted, profile=profile))

    def _remote_stop(self, payload: _Payload) -> Reply:
        return answered(self._station.remote_stop(payload["transactionId"]))

    def _unlock_connector(self, payload: _Payload) -> Reply:
        return answered(self._station.unlock(payload["connectorId"]))

    def _trigger_message(self, payload: _Payload) -> Reply:
        connectors = self._station.meant(payload.get("connectorId"))
        if connectors is None:
            return Reply({"status": Outcome.REJECTED})
        boot = self.boot_notification(BootReason.TRIGGERED)
        known = always_said(self._speech, boot) | {
            "MeterValues": lambda: self._measure(connectors),
            "SignChargePointCertificate": self._sign_certificate,
            "StatusNotification": lambda: self.status_changed(connectors),
        }
        return triggered(payload["requestedMessage"], known)

    def _measure(self, connectors: Sequence[Connector]) -> None:
        for each in connectors:
            self.measured(each, self._station.shown(each, Context.TRIGGER))

    def _sign_certificate(self) -> None:
        name = self._station.configuration.values["CpoName"]
        self._speech.say(Call("SignCertificate", {"csr": self.certificate.request(name)}))

    def _certificate_signed(self, payload: _Payload) -> Reply:
        return certificate_signed(self.certificate, payload["certificateChain"])

    def _reset(self, payload: _Payload) -> Reply:
        soft = payload["type"] == "Soft"
        cause = Cause.SOFT_RESET if soft else Cause.HARD_RESET
        return Reply({"status": Outcome.ACCEPTED}, lambda: self._restart(cause, says_all_first=soft))

    def _change_availability(self, payload: _Payload) -> Reply:
        in_use = payload["type"] == "Operative"
        return answered(self._station.change_availability(payload["connectorId"], in_use=in_use))

    def _reserve_now(self, payload: _Payload) -> Reply:
        reservation = Reservation(
            payload["reservationId"],
            payload["idTag"],
            datetime.fromisoformat(payload["expiryDate"]),
            payload.get("parentIdTag"),
        )
        return answered(self._station.reserve(payload["connectorId"], reservation))

    def _cancel_reservation(self, payload: _Payload) -> Reply:
        return answered(self._station.cancel_reservation(payload["reservationId"]))

    def _set_charging_profile(self, payload: _Payload) -> Reply:
        outcome = self._station.set_profile(payload["connectorId"], payload["csChargingProfiles"])
        return Reply({"status": outcome})

    def _clear_charging_profile(self, payload: _Payload) -> Reply:
        return Reply({"status": self._station.clear_profiles(partial(_is_meant, payload))})

    def _get_composite_schedule(self, payload: _Payload) -> Reply:
        station, seconds = self._station, payload["duration"]
        now = station.time.now()
        steps = station.limits.composite(payload["connectorId"], now, seconds)
        if steps is None:
            return Reply({"status": Outcome.REJECTED})
        unit, phases = RateUnit(payload.get("chargingRateUnit", "W")), station.settings.phases
        return Reply(messages.composite_schedule(payload["connectorId"], now, seconds, steps, unit, phases))

    def _get_configuration(self, payload: _Payload) -> Reply:
        known, unknown = self._station.configuration.read(payload.get("key"))
        return Reply({"configurationKey": [each._asdict() for each in known], "unknownKey": unknown})

    def _change_configuration(self, payload: _Payload) -> Reply:
        known = self._station.configuration
        before, status = known.password, known.change(payload["key"], payload["value"])
        consequence = (self._speech.come_back,) if known.password != before else ()
        return Reply({"status": status}, *consequence)

    def _clear_cache(self, _payload: _Payload) -> Reply:
        self._station.reader.tokens.forget()
        return Reply({"status": Outcome.ACCEPTED})

    def _send_local_list(self, payload: _Payload) -> Reply:
        entries = [
            (each["idTag"], _verdict(each) if "idTagInfo" in each else None)
            for each in payload.get("localAuthorizationList", [])
        ]
        return local_list(self._station.reader.tokens, payload["listVersion"], payload["updateType"], entries)


def _is_meant(criteria: _Payload, profile: Profile) -> bool:
    """Whether ClearChargingProfile means this one: the one with the id, else those that match all."""
    if "id" in criteria:
        return bool(profile.id == criteria["id"])
    return (
        criteria.get("connectorId") in {None, profile.connector_id}
        and criteria.get("chargingProfilePurpose") in {None, profile.purpose.value}
        and criteria.get("stackLevel") in {None, profile.stack_level}
    )


def _verdict(answer: _Payload) -> Verdict:
    return Verdict(answer["idTagInfo"]["status"])
