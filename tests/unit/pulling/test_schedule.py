"""When a list is pulled, and whether from its beginning (TR-32, TR-33, AM-09)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.directory.directory import Platform, Pull
from hub.directory.quirks import Known, Quirk, Quirks
from hub.ocpi.party import Party
from hub.pulling.lists import List
from hub.pulling.progress import Progress
from hub.pulling.schedule import (
    is_confirmed,
    is_full_due,
    is_likely,
    is_pulled,
    is_pulled_in_between,
    pause,
    settling,
    since,
)
from hub.settings import Pulling
from schemas.v2_2_1 import ConnectionStatus

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URL = "https://cpo.example/locations"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = Pulling()
CHANCES = st.floats(0, 1)


def platform(
    status: ConnectionStatus = ConnectionStatus.CONNECTED, pull: Pull = Pull.AUTO, push: str = ""
) -> Platform:
    known = {(Quirk.PUSH, ""): Known(push)} if push else {}
    return Platform(1, "cpo", status, outbound_token="token", pull=pull, quirks=Quirks(known))


@pytest.mark.holds("TR-33", by="hub")
@given(st.sampled_from(["locations", "tariffs", "tokens"]), CHANCES)
def test_the_pause_is_hours_and_never_the_same_for_all(module: str, chance: float) -> None:
    interval = RULES.interval(module)
    assert interval >= HOUR
    assert interval * 0.9 <= pause(module, RULES, chance) <= interval * 1.1
    assert pause(module, RULES, 0.2) != pause(module, RULES, 0.8)


@given(CHANCES)
def test_platforms_are_not_pulled_all_at_once_when_the_hub_starts(chance: float) -> None:
    assert timedelta(0) <= settling(RULES, chance) <= RULES.settling


@pytest.mark.parametrize(
    ("progress", "is_full"),
    [
        (None, True),
        (Progress(URL), True),
        (Progress(URL, full_at=NOW - HOUR), False),
        # The hub's clock was wrong by a day: what was updated since would never be asked for.
        (Progress(URL, full_at=NOW + DAY), True),
        (Progress(URL, full_at=NOW - HOUR, partial_at=NOW + DAY), True),
        (Progress(URL, full_at=NOW - DAY), True),
        (Progress(URL, full_at=NOW - DAY, partial_at=NOW - HOUR), True),
        (Progress("https://cpo.example/elsewhere", full_at=NOW - HOUR), True),
        (Progress(URL, full_at=NOW - HOUR, doubted_at=NOW - HOUR), True),
        (Progress(URL, full_at=NOW - HOUR, error="NoAnswerInTime"), False),
    ],
)
def test_a_pull_is_full_at_first_and_when_the_last_full_one_is_too_old(
    progress: Progress | None, *, is_full: bool
) -> None:
    assert is_full_due(progress, URL, NOW, RULES) is is_full


@pytest.mark.holds("AM-09", by="hub")
def test_a_pull_by_date_goes_back_behind_the_begin_of_the_last_one_that_ended_well() -> None:
    """What was updated while that one ran, or came late to its owner, is not missed."""
    assert since(None, RULES) is None
    assert since(Progress(URL, full_at=NOW), RULES) == NOW - RULES.overlap
    assert since(Progress(URL, full_at=NOW - DAY, partial_at=NOW - HOUR), RULES) == NOW - HOUR - RULES.overlap
    assert since(Progress(URL, full_at=NOW, partial_at=NOW - HOUR), RULES) == NOW - RULES.overlap


@pytest.mark.parametrize(
    ("given", "is_on", "in_between"),
    [
        (platform(), True, True),
        (platform(push="no"), True, True),
        (platform(push="yes"), True, False),
        (platform(push="yes", pull=Pull.ALWAYS), True, True),
        (platform(push="no", pull=Pull.NEVER), False, True),
        (platform(ConnectionStatus.OFFLINE), False, True),
        (platform(ConnectionStatus.SUSPENDED), False, True),
    ],
)
def test_who_pushes_is_pulled_when_it_connects_and_who_does_not_also_later(
    given: Platform, *, is_on: bool, in_between: bool
) -> None:
    assert (is_pulled(given, RULES), is_pulled_in_between(given)) == (is_on, in_between)


@pytest.mark.parametrize(
    ("known", "unlisted", "believed"),
    [
        (1, 1, False),
        (10, 10, False),
        (11, 10, True),
        (20, 11, False),
        (22, 11, True),
        (100_000, 50_000, True),
        (100_000, 50_001, False),
        (100_000, 100_000, False),
    ],
)
def test_a_list_that_is_suddenly_short_is_not_likely(known: int, unlisted: int, *, believed: bool) -> None:
    assert is_likely(known, unlisted) is believed


@pytest.mark.parametrize(
    ("doubted_at", "push", "confirmed"),
    [
        (None, "", False),
        (NOW - 3 * HOUR, "", True),
        (NOW - 3 * HOUR, "no", True),
        (NOW - HOUR, "", False),
        (NOW - DAY, "yes", False),
    ],
)
def test_a_short_list_is_confirmed_by_the_next_one_after_the_interval_unless_its_owner_pushes(
    doubted_at: datetime | None, push: str, *, confirmed: bool
) -> None:
    """A hub that is started anew, and reads the list again, confirms nothing by that."""
    which = List(1, "locations", Party("BE", "BEC"))
    progress = Progress(URL, full_at=NOW - HOUR, doubted_at=doubted_at)
    assert is_confirmed(platform(push=push), which, progress, NOW, RULES) is confirmed
