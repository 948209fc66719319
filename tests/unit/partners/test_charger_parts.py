"""The parts of a simulated charge point: time, connectors, outbox, configuration, fleet."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.charger.configuration import Configuration
from partners.charger.connector import Connector, NotPossible
from partners.charger.fleet import charge_point_urls
from partners.charger.outbox import Message, Outbox
from partners.charger.simulated_time import SimulatedTime
from partners.charger.states import Outcome, Status, Token
from partners.charger.vehicle import Vehicle
from tests.unit.partners.ocpp_world import patiently

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def connector() -> Connector:
    return Connector(1, Decimal(22_000), register_wh=Decimal("1234.5"), vehicle=Vehicle())


def test_simulated_time_starts_now_and_runs_as_many_times_faster() -> None:
    real = [100.0]
    time = SimulatedTime(lambda: NOON, 60, lambda: real[0])
    assert time.now() == NOON
    real[0] += 2
    assert time.now() == NOON + timedelta(minutes=2)
    assert time.real_seconds(timedelta(hours=1)) == 60


@pytest.mark.parametrize("speed", [0, -1])
def test_time_does_not_stand_still_or_run_backwards(speed: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        SimulatedTime(lambda: NOON, speed)


@settings(deadline=None)  # hours of charging take long to work out where others use the machine, too
@given(st.lists(st.integers(0, 7200), max_size=8))
def test_the_register_never_falls_and_grows_by_what_the_car_gets(seconds: list[int]) -> None:
    plug = connector()
    transaction = plug.begin(Token("TAG"), NOON)
    now, shown = NOON, [plug.reading(NOON).register_wh]
    for pause in seconds:
        now += timedelta(seconds=pause)
        shown.append(plug.reading(now).register_wh)
    plug.end(now)
    assert shown == sorted(shown)
    assert shown[0] == transaction.meter_start_wh == 1234
    assert plug.register_wh - Decimal("1234.5") == transaction.energy_wh == plug.last_energy_wh


def test_a_car_keeps_its_charge_for_the_next_transaction() -> None:
    plug = connector()
    plug.begin(Token("TAG"), NOON)
    first = plug.end(NOON + timedelta(hours=1))
    second = plug.begin(Token("TAG"), NOON + timedelta(hours=2))
    assert second.flow.curve.soc_at_start == Decimal("0.3") + first.energy_wh / 60_000
    assert second.meter_start_wh == int(Decimal("1234.5") + first.energy_wh)


def test_a_reading_agrees_with_itself() -> None:
    plug = connector()
    plug.begin(Token("TAG"), NOON)
    reading = plug.reading(NOON + timedelta(minutes=30))
    assert reading.power_w == 22_000
    assert abs(reading.current_a * 3 * 230 - reading.power_w) < Decimal("0.001")
    assert reading.soc is not None
    assert Decimal("0.47") < reading.soc < Decimal("0.49")


def test_nothing_can_begin_without_a_car_or_end_without_a_transaction() -> None:
    with pytest.raises(NotPossible):
        Connector(1, Decimal(22_000)).begin(Token("TAG"), NOON)
    with pytest.raises(NotPossible):
        connector().end(NOON)
    busy = connector()
    busy.begin(Token("TAG"), NOON)
    with pytest.raises(NotPossible):
        busy.begin(Token("OTHER"), NOON)


@pytest.mark.parametrize("status", [Status.UNAVAILABLE, Status.FAULTED, Status.FINISHING, Status.RESERVED])
def test_a_connector_out_of_use_is_not_free(status: Status) -> None:
    plug = connector()
    assert plug.is_free
    plug.status = status
    assert not plug.is_free


async def test_the_outbox_is_first_in_first_out_and_keeps_what_was_not_answered() -> None:
    outbox = Outbox()
    messages = [Message(lambda: None), Message(lambda: None, outlives_the_link=False), Message(lambda: None)]
    for message in messages:
        outbox.put(message)
    assert await outbox.head() is messages[0]
    assert await outbox.head() is messages[0]
    outbox.link_lost()
    outbox.done()
    assert await outbox.head() is messages[2]
    assert len(outbox) == 1


async def test_who_waits_at_an_empty_outbox_is_woken_by_the_next_message() -> None:
    outbox, message = Outbox(), Message(lambda: None)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(patiently(outbox.head()))
        await asyncio.sleep(0)
        outbox.put(message)
    assert waiting.result() is message


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "60", Outcome.ACCEPTED),
        ("HeartbeatInterval", "soon", Outcome.REJECTED),
        ("HeartbeatInterval", "-1", Outcome.REJECTED),
        ("AuthorizeRemoteTxRequests", "TRUE", Outcome.ACCEPTED),
        ("AuthorizeRemoteTxRequests", "2", Outcome.REJECTED),
        ("NumberOfConnectors", "9", Outcome.REJECTED),
        ("NoSuchKey", "1", Outcome.NOT_SUPPORTED),
    ],
)
def test_a_configuration_key_takes_only_what_makes_sense(key: str, value: str, status: Outcome) -> None:
    configuration = Configuration.standard(2)
    before = dict(configuration.values)
    assert configuration.change(key, value) is status
    expected = before | {key: value.lower()} if status is Outcome.ACCEPTED else before
    assert configuration.values == expected


def test_configuration_keys_can_be_read_all_or_by_name() -> None:
    configuration = Configuration.standard(2)
    known, unknown = configuration.read(["NumberOfConnectors", "NoSuchKey"])
    assert [(key.key, key.value, key.readonly) for key in known] == [("NumberOfConnectors", "2", True)]
    assert unknown == ["NoSuchKey"]
    assert len(configuration.read(None)[0]) == len(configuration.values)


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("CP001", ["CP001", "CP002", "CP003"]),
        ("CP009", ["CP009", "CP010", "CP011"]),
        ("CP99", ["CP99", "CP100", "CP101"]),
        ("depot", ["depot", "depot2", "depot3"]),
        ("7", ["7", "8", "9"]),
    ],
)
def test_the_identities_of_a_fleet_count_up(first: str, names: list[str]) -> None:
    urls = charge_point_urls(f"ws://127.0.0.1:9000/ocpp/{first}", 3)
    assert urls == [f"ws://127.0.0.1:9000/ocpp/{name}" for name in names]
