"""How a Session that changes is told: when, and by PATCH or PUT."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ocpi.patching import patched
from partners.cpo.billing.sessions import Pace, is_news, session_patch

PACE = Pace(timedelta(seconds=60), Decimal(1))


def state(kwh: str = "1", *periods: str, status: str = "ACTIVE", **changes: Any) -> dict[str, Any]:
    return {
        "id": "S1",
        "kwh": Decimal(kwh),
        "charging_periods": [{"start_date_time": each} for each in periods],
        "status": status,
        "last_updated": f"2026-01-01T00:00:{len(periods):02}Z",
        **changes,
    }


def test_a_patch_gives_only_the_periods_that_are_new() -> None:
    """SES-04."""
    patch = session_patch(state("1", "a"), state("2", "a", "b", "c"))
    assert patch == {
        "kwh": 2,
        "charging_periods": [{"start_date_time": "b"}, {"start_date_time": "c"}],
        "last_updated": "2026-01-01T00:00:03Z",
    }


@pytest.mark.holds("SES-05", by="cpo")
@pytest.mark.parametrize(
    ("accepted", "current"),
    [
        (state("1", "a"), state("2", "x", "b")),
        (state("1", "a", "b"), state("1", "a")),
        (state(), state(status="COMPLETED")),
        (state(meter_id="M"), state()),
    ],
)
def test_what_a_patch_cannot_say_is_put_whole(accepted: dict[str, Any], current: dict[str, Any]) -> None:
    """SES-05, LOC-08."""
    assert session_patch(accepted, current) is None


names = st.lists(st.sampled_from("abcdef"), max_size=5)


@given(
    before=names,
    added=names,
    kwh=st.integers(0, 9),
    more=st.integers(0, 9),
    extends=st.booleans(),
)
def test_a_patch_leads_from_what_was_accepted_to_what_is(
    before: list[str], added: list[str], kwh: int, more: int, *, extends: bool
) -> None:
    accepted = state(str(kwh), *before)
    current = state(str(kwh + more), *([*before, *added] if extends else added))
    patch = session_patch(accepted, current)
    if patch is not None:
        assert patched(accepted, patch) == current
    else:
        assert added[: len(before)] != before
        assert not extends


@pytest.mark.parametrize(
    ("told", "current", "seconds", "news"),
    [
        (None, state(), 0, True),
        (state("1"), state("1.5"), 30, False),
        (state("1"), state("2"), 30, True),
        (state("1"), state("1"), 60, True),
        (state("1"), state("1", "a"), 1, True),
        (state("1"), state("1", status="COMPLETED"), 1, True),
    ],
)
def test_the_emsp_hears_of_what_matters_and_now_and_then(
    told: dict[str, Any] | None, current: dict[str, Any], seconds: int, *, news: bool
) -> None:
    assert is_news(told, current, timedelta(seconds=seconds), PACE) is news
