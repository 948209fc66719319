"""Chargers that fail, at the real node: an alert each, repaired by the right step, told to the operator."""

import hashlib
import hmac
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from partners.charger import script as scripts
from partners.charger.call import Call
from partners.charger.charge_point import ChargerSimulator
from partners.charger.firmware import Behaviour, Manner
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cpo.app import CpoNode
from partners.cpo.configuration import Plug
from partners.cpo.health.alarms import MOST
from partners.cpo.health.charger_log import Kind
from partners.cpo.health.thresholds import Thresholds
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.cpo.stations.questions import timestamp
from partners.remote import RemoteNode
from tests.fixtures.cpo_world import SettableClock, connector, cpo_settings, evse, location, token, world
from tests.fixtures.waiting import until
from tests.fixtures.webhooks import webhook

CP1 = Plug("CP1", 1)
NOW = timedelta()
MOMENT = timedelta(milliseconds=5)
SECRET = "known to both"
OUTLETS = location("square", evse("E1", "CP1", connectors=[connector(), connector(id="2", ocpp_connector=2)]))


def quick(**changes: Any) -> Thresholds:
    """What counts as ill does so as usual; repairs and looks follow each other at once."""
    standard: dict[str, Any] = {
        "faulted_after": NOW,
        "calm": NOW,
        "calm_at_most": NOW,
        "look_every": MOMENT,
        "availability_pause": MOMENT,
        "trigger_patience": MOMENT,
        "availability_patience": MOMENT,
        "unlock_patience": MOMENT,
        "soft_reset_patience": MOMENT,
        "hard_reset_patience": MOMENT,
        "webhook_secret": SECRET,
    }
    return Thresholds(**(standard | changes))


class Operated:
    """A node, a charger at it, and what is known of its alerts."""

    def __init__(self, cpo: CpoNode, charger: ChargerSimulator) -> None:
        self.cpo = cpo
        self.charger = charger

    def alerts(self, rule: str) -> list[Any]:
        """All of one kind, oldest first."""
        return [each for each in reversed(self.cpo.care.book.newest(100)) if each.key.rule == rule]

    def tried(self, rule: str) -> list[tuple[str, str | None]]:
        """Steps and outcomes about the first alert of a kind."""
        return [
            (each.step.value, each.outcome)
            for alert in self.alerts(rule)[:1]
            for each in self.cpo.care.book.repairs(alert)
        ]

    async def raised(self, rule: str) -> None:
        await until(lambda: self.alerts(rule))

    async def cleared(self, rule: str) -> None:
        await until(lambda: self.alerts(rule) and self.alerts(rule)[-1].cleared_at)

    async def escalated(self, rule: str) -> None:
        await until(lambda: self.alerts(rule) and self.alerts(rule)[-1].needs_human)

    async def plays(self, text: str) -> None:
        """Let a script happen to the charger."""
        await scripts.run(scripts.parse(text, "test.toml", self.charger.settings), self.charger)


async def operated(
    stack: AsyncExitStack,
    *,
    folder: Path | None = None,
    version: str = "1.6",
    clock: Any = None,
    speed: int = 1200,
    answer_within: timedelta = timedelta(seconds=30),
    is_broken: bool = False,
    **changes: Any,
) -> Operated:
    """A node without a hub, and a charger that it knows, and that may be broken when it comes."""
    given = {} if clock is None else {"clock": clock}
    settings = cpo_settings(
        folder,
        health=quick(**changes),
        locations=[OUTLETS],
        central_system=CentralSystemSettings(answer_within=answer_within),
    )
    cpo = await stack.enter_async_context(CpoNode(settings, **given))
    time = SimulatedTime(SettableClock(), speed)
    like = ChargerSettings(version=version, connectors=2, reconnect_after=MOMENT, reconnect_at_most=MOMENT)
    charger = ChargerSimulator(f"{cpo.ocpp_url}/CP1", like, time=time)
    if is_broken:
        charger.break_down(1)
    await stack.enter_async_context(charger)
    await charger.until_connected()
    await charger.until_told()
    return Operated(cpo, charger)


BREAKS_DOWN = '[[step]]\ndo = "break-down"\nconnector = 1\n'


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_faulted_connector_raises_one_alert_and_is_repaired_by_off_and_on(version: str) -> None:
    async with webhook() as hook, AsyncExitStack() as stack:
        made = await operated(stack, version=version, webhook_url=hook.url)
        await made.plays(BREAKS_DOWN)
        await made.cleared("faulted")
        assert made.tried("faulted") == [("TriggerMessage", "accepted"), ("ChangeAvailability", "accepted")]
        assert len(made.alerts("faulted")) == 1
        await until(lambda: len(hook.taken) == 2)
        raised, cleared = hook.taken
        assert (raised["event"], cleared["event"]) == ("raised", "cleared")
        assert raised["alert"]["charge_point"] == "CP1"
        assert raised["alert"]["connector"] == 1
        assert raised["alert"]["place"]["evse_uid"] == "E1"
        assert [each["step"] for each in cleared["alert"]["repairs"]] == [
            "TriggerMessage",
            "ChangeAvailability",
        ]
        assert made.charger.connector(1).status == "Available"


async def test_an_alert_and_its_end_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "partners.cpo.health")
    async with AsyncExitStack() as stack:
        made = await operated(stack)
        await made.plays(BREAKS_DOWN)
        await made.cleared("faulted")
    (raised,) = [each for each in caplog.records if each.levelname == "WARNING" and "faulted" in each.message]
    assert raised.message.startswith("CP1/1: faulted: ")
    assert "CP1/1: faulted is over: the charger proved well" in caplog.messages


async def test_a_notice_is_signed_and_numbered() -> None:
    async with webhook() as hook, AsyncExitStack() as stack:
        made = await operated(stack, webhook_url=hook.url)
        made.charger.break_down(1)
        await until(lambda: hook.taken)
        right = hmac.new(SECRET.encode(), hook.bodies[0], hashlib.sha256).hexdigest()
        assert hook.headers[0]["X-Signature"] == f"sha256={right}"
        assert hook.headers[0]["X-Notice-Id"] == "1"


async def test_a_webhook_that_is_away_gets_everything_in_order_also_after_a_restart(tmp_path: Path) -> None:
    async with webhook(status=503) as hook:
        async with AsyncExitStack() as stack:
            made = await operated(stack, folder=tmp_path, webhook_url=hook.url)
            made.charger.break_down(1)
            await made.cleared("faulted")
            await until(lambda: hook.refusals > 1)
        hook.status = 200
        async with AsyncExitStack() as stack:
            made = await operated(stack, folder=tmp_path, webhook_url=hook.url)
            await until(lambda: len(hook.taken) == 2)
            assert hook.events("faulted") == ["raised", "cleared"]
            assert made.cpo.care.notices.waiting == 0


async def test_a_silent_charger_is_asked_for_a_heartbeat_which_proves_it_well() -> None:
    clock = SettableClock()
    async with AsyncExitStack() as stack:
        made = await operated(stack, clock=clock, speed=1)
        clock.ahead += timedelta(minutes=16)
        await made.cleared("no heartbeat")
        assert made.tried("no heartbeat") == [("TriggerMessage", "accepted")]
        kinds = [each.kind for each in made.cpo.care.log.newest("CP1", 100)]
        assert "silent" in kinds


async def test_a_charger_that_refuses_every_step_ends_with_a_person() -> None:
    async with webhook() as hook, AsyncExitStack() as stack:
        made = await operated(stack, webhook_url=hook.url)
        for action, manner in (
            ("TriggerMessage", Manner.REJECT),
            ("ChangeAvailability", Manner.ERROR),
            ("Reset", Manner.REJECT),
        ):
            made.charger.firmware.behave(Behaviour(manner), action)
        made.charger.break_down(1)
        await made.escalated("faulted")
        assert [step for step, _ in made.tried("faulted")] == [
            "TriggerMessage",
            "ChangeAvailability",
            "soft reset",
            "hard reset",
        ]
        made.charger.repair(1)
        await made.cleared("faulted")
        await until(lambda: hook.events() == ["raised", "escalated", "cleared"])


async def test_a_step_that_is_not_answered_gives_way_to_the_next() -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, answer_within=timedelta(milliseconds=100))
        made.charger.firmware.behave(Behaviour(Manner.SILENT), "TriggerMessage")
        made.charger.break_down(1)
        await made.cleared("faulted")
        assert made.tried("faulted")[0] == ("TriggerMessage", "timed out")


async def test_a_stuck_connector_is_unlocked_and_reset() -> None:
    clock = SettableClock()
    async with AsyncExitStack() as stack:
        made = await operated(stack, clock=clock)
        await made.plays('[[step]]\ndo = "plug-in"\n[[step]]\ndo = "wait"\ntold = true\n')
        clock.ahead += timedelta(minutes=31)
        await until(lambda: ("soft reset", "accepted") in made.tried("stuck"))
        assert [step for step, _ in made.tried("stuck")][:4] == [
            "TriggerMessage",
            "ChangeAvailability",
            "UnlockConnector",
            "soft reset",
        ]
        await made.charger.until_connected()
        made.charger.unplug(1)
        await made.cleared("stuck")


async def test_nothing_is_tried_while_a_driver_charges_and_all_when_he_has_gone() -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack)
        charger = made.charger
        charger.plug_in(2)
        await charger.tap(2, "STRANGER")
        await until(lambda: made.cpo.care.has_driver("CP1"))
        charger.break_down(1)
        await made.raised("faulted")
        looks = made.cpo.rounds.looks
        await until(lambda: made.cpo.rounds.looks > looks + 3)
        assert made.tried("faulted") == []
        charger.unplug(2)
        await made.cleared("faulted")
        assert made.tried("faulted")[-1] == ("ChangeAvailability", "accepted")


async def test_resets_are_bounded_and_what_is_left_out_is_written_down() -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, resets_a_day=1)
        made.charger.firmware.behave(Behaviour(Manner.REJECT), "ChangeAvailability")
        made.charger.break_down(1)
        await made.escalated("faulted")
        assert made.tried("faulted")[-2:] == [("soft reset", "accepted"), ("hard reset", "left out")]
        repairs = [
            dict(each.detail) for each in made.cpo.care.log.newest("CP1", 100) if each.kind == "repair"
        ]
        assert repairs[-1]["why"] == "resets in 24 hours: 1"


async def test_an_alert_and_its_ladder_survive_a_restart(tmp_path: Path) -> None:
    async with webhook() as hook:
        async with AsyncExitStack() as stack:
            made = await operated(
                stack, folder=tmp_path, speed=1, webhook_url=hook.url, trigger_patience=timedelta(hours=1)
            )
            made.charger.break_down(1)
            await until(lambda: made.tried("faulted") == [("TriggerMessage", "accepted")])
        clock = SettableClock()
        clock.ahead = timedelta(minutes=59)
        async with AsyncExitStack() as stack:
            made = await operated(
                stack,
                folder=tmp_path,
                speed=1,
                webhook_url=hook.url,
                trigger_patience=timedelta(hours=1),
                human_after=timedelta(hours=9),
                clock=clock,
                # It was never well: at no look of the node.
                is_broken=True,
            )
            await until(lambda: made.cpo.rounds.looks > 3)
            assert made.tried("faulted") == [("TriggerMessage", "accepted")]
            clock.ahead = timedelta(minutes=61)
            await made.cleared("faulted")
            assert len(made.alerts("faulted")) == 1
            await until(lambda: len(hook.taken) == 2)
            assert hook.events() == ["raised", "cleared"]


async def test_repairs_can_be_paused_and_alerts_looked_at_from_another_terminal() -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack)
        remote = RemoteNode(made.cpo.admin_url, made.cpo.admin_key)
        await remote._ask("PUT", "/chargers/CP1/repairs", {"paused": True})
        made.charger.break_down(1)
        await made.raised("faulted")
        (shown,) = await remote._ask("GET", "/alerts", None)
        assert (shown["rule"], shown["is_paused"], shown["repairs"]) == ("faulted", True, [])
        await remote._ask("PUT", "/chargers/CP1/repairs", {"paused": False})
        await made.cleared("faulted")
        assert await remote._ask("GET", "/alerts", None) == []
        assert len(await remote._ask("GET", "/alerts?all=yes", None)) == 1
        events = await remote._ask("GET", "/chargers/CP1/events?count=100", None)
        assert {"connected", "booted", "status", "alert", "repair"} <= {each["kind"] for each in events}


async def test_a_charger_that_stays_away_is_told_once_and_once_that_it_is_back() -> None:
    clock = SettableClock()
    async with webhook() as hook, AsyncExitStack() as stack:
        made = await operated(stack, clock=clock, webhook_url=hook.url)
        await made.charger.go_offline()
        await until(lambda: not made.cpo.care.seen.link("CP1").is_up)
        clock.ahead += timedelta(minutes=6)
        await made.raised("offline")
        clock.ahead += timedelta(hours=2)
        await made.escalated("offline")
        made.charger.go_online()
        await made.cleared("offline")
        await until(lambda: hook.events("offline") == ["raised", "escalated", "cleared"])


async def test_cards_that_are_refused_again_and_again_raise_an_alert_and_one_accepted_ends_it() -> None:
    async with world(tokens=(token(),), health=quick(refusals=3)) as made:
        charger = await made.charger()
        operated = Operated(made.cpo, charger)
        for number in range(3):
            assert await charger.tap(1, f"NOBODY{number}") == "Invalid"
        await operated.raised("authorization failures")
        refused = [each for each in made.cpo.care.log.newest("CP1", 20) if each.kind is Kind.REFUSED]
        assert [each.detail["id_tag"] for each in refused] == ["…ODY0", "…ODY1", "…ODY2"]
        await until(lambda: charger.is_connected)
        assert await charger.tap(1, "CARD1") == "Accepted"
        await operated.cleared("authorization failures")


async def test_a_session_in_which_no_energy_flows_is_told_and_one_in_which_it_does_ends_it() -> None:
    clock = SettableClock()
    limits = quick(no_energy_after=timedelta(minutes=10), availability_patience=timedelta(hours=1))
    async with world(tokens=(token(),), health=limits, clock=clock) as made:
        charger = await made.charger()
        operated = Operated(made.cpo, charger)
        car = replace(charger.settings.vehicle, max_power_w=Decimal("0.001"))
        charger.plug_in(1, car)
        assert await charger.tap(1, "CARD1") == "Accepted"
        await until(lambda: made.cpo.care.seen.vitals(CP1, made.cpo.care.seen.link("CP1")).measured_at)
        clock.ahead += timedelta(minutes=11)
        await operated.raised("session without energy")
        assert operated.tried("session without energy") == []
        charger.unplug(1)
        await until(lambda: operated.tried("session without energy") == [("ChangeAvailability", "accepted")])
        charger.plug_in(1)
        await until(lambda: charger.connector(1).status == "Preparing")
        assert await charger.tap(1, "CARD1") == "Accepted"
        await operated.cleared("session without energy")
        ended = [each for each in made.cpo.care.log.newest("CP1", 50) if each.kind is Kind.SESSION_ENDED]
        assert ended[0].detail["wh"] < 1


async def test_a_register_that_grows_without_a_session_is_told_until_it_stands_still() -> None:
    clock = SettableClock()
    async with AsyncExitStack() as stack:
        made = await operated(stack, clock=clock, repairs=False, silent_after=timedelta(days=9))

        async def tells(wh: int) -> None:
            sampled = [{"value": str(wh)}]
            told = {"timestamp": f"{clock():%Y-%m-%dT%H:%M:%SZ}", "sampledValue": sampled}
            await made.charger.uplink.ask(Call("MeterValues", {"connectorId": 1, "meterValue": [told]}))

        for wh in (1000, 3500):
            await tells(wh)
        clock.ahead += timedelta(minutes=16)
        await made.raised("energy without session")
        assert made.alerts("energy without session")[0].why == "2.5 kWh flowed without a session"
        await tells(3510)
        await made.cleared("energy without session")
        leaked = [each for each in made.cpo.care.log.newest("CP1", 50) if each.kind is Kind.UNMETERED]
        assert [each.detail["wh"] for each in leaked] == [2500]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_firmware_whose_signature_is_wrong_raises_an_alert_until_it_is_right(version: str) -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, version=version, repairs=False)
        for status, happens in (("InvalidSignature", made.raised), ("SignatureVerified", made.cleared)):
            payload = {"status": status, "requestId": 1}
            await made.charger.uplink.ask(Call(_firmware_status(version), payload))
            await happens("signature failure")


async def test_an_error_code_without_a_fault_is_an_alert_and_no_change_of_the_status() -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, alarm_after=NOW)

        async def shows(code: str) -> None:
            at = timestamp(made.charger.time.now())
            payload = {"connectorId": 1, "status": "Available", "errorCode": code, "timestamp": at}
            await made.charger.uplink.ask(Call("StatusNotification", payload))

        await shows("WeakSignal")
        await made.raised("alarm")
        assert made.alerts("alarm")[0].why == "Available, with the error code WeakSignal"
        square = made.cpo.locations.location("square")
        assert square is not None
        assert square["evses"][0]["status"] == "AVAILABLE"
        await shows("NoError")
        await made.cleared("alarm")
        assert (made.tried("alarm"), made.alerts("faulted")) == ([], [])


def component_event(component: str, variable: str, value: str = "true", **more: Any) -> dict[str, Any]:
    """One EventDataType; without more words it is of EVSE 1."""
    return {
        "eventId": 1,
        "timestamp": "2026-03-01T12:00:00Z",
        "trigger": "Alerting",
        "actualValue": value,
        "eventNotificationType": "HardWiredMonitor",
        "component": {"name": component, **({"evse": {"id": 1, "connectorId": 1}} | more.pop("where", {}))},
        "variable": {"name": variable, **more.pop("which", {})},
        **more,
    }


async def notifies(charger: ChargerSimulator, *events: dict[str, Any]) -> None:
    payload = {"generatedAt": "2026-03-01T12:00:00Z", "seqNo": 0, "eventData": list(events)}
    assert await charger.uplink.ask(Call("NotifyEvent", payload)) == {}


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_what_a_component_says_is_wrong_is_one_alert_until_it_says_that_it_is_over(
    version: str,
) -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, version=version, alarm_after=NOW)

        def stands() -> list[str]:
            return [each.why for each in made.alerts("alarm") if each.cleared_at is None]

        hot = component_event(
            "Connector", "Temperature", "95", which={"instance": "Inlet"}, techInfo="limit 90"
        )
        fault = component_event("Connector", "Problem", trigger="Delta")
        whole = component_event("TokenReader", "Fault", "TRUE", where={"evse": {"id": 0}})
        for _ in range(20):
            await notifies(made.charger, hot, fault, whole)
        await until(lambda: len(stands()) == 3)
        told = {(each.key.plug.number, each.why) for each in made.alerts("alarm")}
        assert told == {
            (1, "Connector.Temperature[Inlet]: 95; limit 90"),
            (1, "Connector.Problem: true"),
            (0, "TokenReader.Fault: TRUE"),
        }
        # Neither a change without alert, nor the end of another one, ends it.
        await notifies(
            made.charger,
            hot | {"trigger": "Delta", "actualValue": "80"},
            component_event("Connector", "Temperature", "80", cleared=True),
            fault | {"actualValue": "false", "trigger": "Alerting"},
        )
        await until(lambda: len(stands()) == 2)
        await notifies(made.charger, hot | {"cleared": True}, whole | {"actualValue": "false"})
        await until(lambda: stands() == [])
        looks = made.cpo.rounds.looks
        await until(lambda: made.cpo.rounds.looks > looks + 3)
        lines = [each.detail for each in made.cpo.care.log.newest("CP1", 100) if each.kind is Kind.ALARM]
        assert (len(made.alerts("alarm")), len(lines)) == (3, 6)
        assert (made.tried("alarm"), made.alerts("faulted")) == ([], [])
        square = made.cpo.locations.location("square")
        assert square is not None
        assert square["evses"][0]["status"] == "AVAILABLE"


async def test_an_alarm_of_a_component_survives_a_restart_and_is_over_where_a_person_says_so(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, folder=tmp_path, version="2.0.1", alarm_after=timedelta(hours=1))
        await notifies(made.charger, component_event("Connector", "Problem"))
        looks = made.cpo.rounds.looks
        await until(lambda: made.cpo.rounds.looks > looks + 3)
        assert made.alerts("alarm") == []
    clock = SettableClock()
    clock.ahead = timedelta(minutes=61)
    async with AsyncExitStack() as stack:
        made = await operated(
            stack, folder=tmp_path, version="2.0.1", alarm_after=timedelta(hours=1), clock=clock
        )
        await made.raised("alarm")
        made.cpo.rounds.close(made.alerts("alarm")[0])
        looks = made.cpo.rounds.looks
        await until(lambda: made.cpo.rounds.looks > looks + 3)
        (alert,) = made.alerts("alarm")
        assert alert.cleared_by == "operator"
        # It is wrong again only when the station says it again.
        await notifies(made.charger, component_event("Connector", "Problem"))
        clock.ahead += timedelta(minutes=61)
        await until(lambda: len(made.alerts("alarm")) == 2)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_whatever_a_station_makes_up_its_alarms_are_answered_and_bounded(version: str) -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, version=version, alarm_after=NOW)
        odd = ["", " ", "\x00\x1b[2J", "🔥" * 40, "[/red]", "'; DROP TABLE", "\u202e", "a" * 2500]
        for number, text in enumerate(odd):
            where = {"evse": {"id": (0, 1, 9, 2**31)[number % 4]}}
            await notifies(made.charger, component_event(text[:50], text[:50], text, where=where))
        for number in range(100):
            await notifies(made.charger, component_event(f"C{number}", "Problem"))
        await until(made.cpo.care.book.all_open)
        looks = made.cpo.rounds.looks
        await until(lambda: made.cpo.rounds.looks > looks + 3)
        found = made.cpo.care.book.all_open()
        assert len(found) == MOST
        assert all(each.why.isprintable() and len(each.why) < 500 for each in found)
        assert {each.key.plug.number for each in found} <= {0, 1}
        # All of them can be over, and then there is room again.
        await notifies(
            made.charger, *(component_event(f"C{number}", "Problem", "false") for number in range(100))
        )
        await notifies(made.charger, component_event("Another", "Problem"))
        await until(lambda: any(each.why == "Another.Problem: true" for each in made.alerts("alarm")))


async def test_the_metrics_count_chargers_alerts_and_repairs() -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack)
        made.charger.break_down(1)
        await made.cleared("faulted")
        headers = {"Authorization": f"Bearer {made.cpo.admin_key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            answer = await session.get(f"{made.cpo.admin_url}/node/metrics")
            lines = (await answer.text()).splitlines()
        assert "ocpi_cpo_chargers_connected 1.0" in lines
        assert 'ocpi_cpo_alerts_open{rule="faulted"} 0.0' in lines
        assert 'ocpi_cpo_repairs_total{outcome="accepted",step="ChangeAvailability"} 1.0' in lines


def _firmware_status(version: str) -> str:
    return "SignedFirmwareStatusNotification" if version == "1.6" else "FirmwareStatusNotification"


async def test_a_connector_that_was_taken_out_of_use_when_the_node_stopped_is_taken_back(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        made = await operated(stack, folder=tmp_path, speed=1, availability_pause=timedelta(hours=1))
        made.charger.break_down(1)
        await until(lambda: made.charger.connector(1).status == "Unavailable")
    async with AsyncExitStack() as stack:
        made = await operated(stack, folder=tmp_path, speed=1)
        await until(lambda: ("ChangeAvailability", "in use again") in made.tried("faulted"))
        await made.cleared("faulted")


async def test_one_that_flaps_is_told_less_and_less_often() -> None:
    clock = SettableClock()
    calm = timedelta(minutes=1)
    async with webhook() as hook, AsyncExitStack() as stack:
        made = await operated(
            stack,
            clock=clock,
            webhook_url=hook.url,
            repairs=False,
            calm=calm,
            calm_at_most=timedelta(hours=1),
        )
        for times in range(4):
            made.charger.break_down(1)
            await until(lambda: made.alerts("faulted") and made.alerts("faulted")[-1].cleared_at is None)
            made.charger.repair(1)
            await until(lambda: made.charger.connector(1).status == "Available")
            await looked(made)
            # Less than it must be calm for by now: nothing is told, and the same alert goes on.
            clock.ahead += calm * 2**times - timedelta(seconds=5)
            await looked(made)
            assert made.alerts("faulted")[-1].cleared_at is None
            clock.ahead += timedelta(seconds=6)
            await made.cleared("faulted")
        await until(lambda: hook.events("faulted") == ["raised", "cleared"] * 4)


async def looked(made: Operated) -> None:
    """All that was told has been looked at: twice, since the first look may have begun before."""
    heard = made.cpo.care.seen
    await until(lambda: heard.vitals(CP1, heard.link("CP1")).status == made.charger.connector(1).status.value)
    looks = made.cpo.rounds.looks
    await until(lambda: made.cpo.rounds.looks > looks + 1)
