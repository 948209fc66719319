"""What is wrong with a body is found out beside its message, and costs no more than it may."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from hub.store.journal import Direction, Journal, JournalEntry, Purpose
from hub.web.looking import BURST, CAPACITY, Looking
from tests.fixtures.waiting import until


def entry(number: int, note: str = "") -> JournalEntry:
    at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    return JournalEntry(
        at, timedelta(0), Direction.IN, Purpose.RELAY, "c", str(number), "PUT", "/", note=note
    )


class Written:
    """A journal that says what was recorded."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.journal = Journal(observe=lambda each: self.told.append((each.request_id, each.note)))

    async def has(self, count: int) -> None:
        await until(lambda: len(self.told) == count)


@pytest.fixture
def written() -> Written:
    return Written()


def busy(seconds: float) -> str:
    """Look for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return "seen"


async def test_what_is_found_is_recorded_with_the_request_once_the_answer_is_out(written: Written) -> None:
    looking = Looking(written.journal, asyncio.get_running_loop(), 1.0)
    looking.record(entry(1, "late"), lambda: "/id: missing")
    looking.record(entry(2), lambda: "")
    looking.record(entry(3), None)
    assert written.told == [("3", "")]
    await written.has(3)
    assert written.told[1:] == [("1", "late; /id: missing"), ("2", "")]


@pytest.mark.parametrize("share", [0.0, 1.0])
async def test_how_a_request_went_on_is_recorded_with_it(written: Written, share: float) -> None:
    """Looked at, not looked at, or for want of time not: the leg out comes before the leg in."""
    looking = Looking(written.journal, asyncio.get_running_loop(), share)
    out = entry(0)._replace(direction=Direction.OUT, bodies_elsewhere=True)
    looking.record(entry(1), lambda: busy(BURST * 1.2), out)
    assert written.told == []
    looking.record(entry(2), lambda: "seen", out)
    looking.record(entry(3), None, out)
    assert written.told == [("0", ""), ("3", "")]
    await written.has(6)
    last = "seen" if share else ""
    assert written.told[2:] == [("0", ""), ("1", "seen"), ("0", ""), ("2", last)]


async def test_bodies_are_looked_at_one_a_turn_so_that_others_are_answered_in_between(
    written: Written,
) -> None:
    looking = Looking(written.journal, asyncio.get_running_loop(), 1.0)
    for number in range(3):
        looking.record(entry(number), lambda: "")
    for turn in range(3):
        await asyncio.sleep(0)
        assert len(written.told) == turn + 1


async def test_what_costs_too_much_is_recorded_unseen_and_counted(written: Written) -> None:
    looking = Looking(written.journal, asyncio.get_running_loop(), 0.0)
    for number in range(4):
        looking.record(entry(number), lambda: busy(BURST * 0.6))
    await written.has(4)
    assert [note for _, note in written.told] == ["seen", "seen", "", ""]
    looking.record(entry(4), lambda: "seen")
    assert written.told[-1] == ("4", "")
    assert looking.missed == 3


async def test_no_more_wait_than_there_is_room_for(written: Written) -> None:
    looking = Looking(written.journal, asyncio.get_running_loop(), 1.0)
    for number in range(CAPACITY + 2):
        looking.record(entry(number), lambda: "seen")
    assert written.told == [(str(CAPACITY), ""), (str(CAPACITY + 1), "")]
    assert looking.missed == 2
    looking.finish()
    assert len(written.told) == CAPACITY + 2


async def test_a_look_that_fails_loses_no_entry(written: Written, caplog: pytest.LogCaptureFixture) -> None:
    looking = Looking(written.journal, asyncio.get_running_loop(), 1.0)

    def fail() -> str:
        raise RuntimeError("a model that is wrong")

    looking.record(entry(1), fail)
    looking.finish()
    assert written.told == [("1", "")]
    assert "could not be looked at" in caplog.text
