"""Where a platform's URLs really are: what is learnt when one works elsewhere, and what is never followed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.calling.moved import learnt, redirected_to
from hub.directory.directory import Platform
from hub.directory.quirks import Known, Quirk, Quirks, with_slash
from hub.ocpi.transport import HttpReply, HttpRequest, joined_url
from schemas.v2_2_1 import ConnectionStatus, InterfaceRole

RECEIVER = InterfaceRole.RECEIVER
ENDPOINT = "https://good.example/ocpi/receiver/locations"
PLATFORM = Platform(
    1,
    "acme",
    ConnectionStatus.CONNECTED,
    versions_url="https://good.example/ocpi/versions",
    endpoints={
        ("locations", RECEIVER): ENDPOINT,
        ("tokens", RECEIVER): "https://other.example/tokens",
    },
)
SEGMENTS = st.lists(st.text("abcXYZ012%*-", min_size=1, max_size=4), max_size=4)
QUERIES = st.sampled_from(["", "offset=1", "date_from=2026-01-01T00:00:00Z&limit=5"])


def tail_of(segments: list[str]) -> str:
    return "".join(f"/{segment}" for segment in segments)


@given(SEGMENTS, QUERIES, SEGMENTS, QUERIES)
def test_what_is_learnt_of_one_url_leads_to_the_others(
    segments: list[str], query: str, later: list[str], later_query: str
) -> None:
    """Moved to another path: each request afterwards goes where the redirect would have led it."""
    there = "https://good.example/v2/loc"
    asked = joined_url(ENDPOINT, tail_of(segments), query)
    found = joined_url(there, tail_of(segments), query)
    quirk, place, value = learnt(PLATFORM, "locations", asked, found) or pytest.fail("nothing is learnt")
    assert (quirk, place) == (Quirk.REDIRECT, "locations RECEIVER")
    wiser = replace(PLATFORM, quirks=Quirks({(quirk, place): Known(value)}))
    expected = joined_url(there, tail_of(later), later_query)
    assert wiser.url("locations", RECEIVER, tail_of(later), later_query) == expected


@given(SEGMENTS, QUERIES)
def test_a_slash_that_is_learnt_is_written(segments: list[str], query: str) -> None:
    asked = joined_url(ENDPOINT, tail_of(segments), query)
    quirk, place, value = learnt(PLATFORM, "locations", asked, with_slash(asked)) or pytest.fail("nothing")
    assert (quirk, value) == (Quirk.TRAILING_SLASH, "all" if segments else "module")
    wiser = replace(PLATFORM, quirks=Quirks({(quirk, place): Known(value)}))
    assert wiser.url("locations", RECEIVER, tail_of(segments), query) == with_slash(asked)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("https://good.example/elsewhere", "https://good.example/there"),
        (f"{ENDPOINT}/NL/TNM/1", "https://good.example/v2/locations/one"),
        (f"{ENDPOINT}x", "https://good.example/v2/locationsx"),
    ],
)
def test_nothing_is_learnt_where_the_others_cannot_be_told(asked: str, found: str) -> None:
    assert learnt(PLATFORM, "locations", asked, found) is None


@pytest.mark.parametrize(
    ("method", "status", "location", "target"),
    [
        ("PUT", 307, "/v2", "https://good.example/v2"),
        ("PUT", 308, "https://good.example/v2", "https://good.example/v2"),
        ("PUT", 307, "https://other.example/v2", "https://other.example/v2"),
        ("GET", 301, "/v2", "https://good.example/v2"),
        ("PUT", 301, "/v2", None),
        ("GET", 302, "/v2", None),
        ("POST", 303, "/v2", None),
        ("PUT", 307, None, None),
        ("PUT", 307, "https://evil.example/v2", None),
        ("PUT", 307, "//evil.example/v2", None),
        ("PUT", 307, "http://good.example/v2", None),
        ("PUT", 307, "https://good.example:444/v2", None),
        ("PUT", 307, "https://good.example@evil.example/v2", None),
        ("PUT", 307, "https://evil.example\\@good.example/v2", None),
    ],
)
def test_a_redirect_is_followed_within_the_platforms_hosts(
    method: str, status: int, location: str | None, target: str | None
) -> None:
    reply = HttpReply(status, () if location is None else (("Location", location),))
    assert redirected_to(HttpRequest(method, ENDPOINT), reply, PLATFORM) == target
