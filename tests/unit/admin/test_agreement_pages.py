"""Agreements by way of the administration API."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.admin_hub import AdminHub, admin_hub
from tests.fixtures.recorder import Recorder

AGREEMENTS = "/admin/v1/agreements"


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        await admin.hub.signing.settle()
        yield admin


async def signed(admin: AdminHub, *parties: str, **more: Any) -> Any:
    answer = await admin.ask("POST", AGREEMENTS, {"parties": parties, **more})
    assert answer.status == 200, answer.content
    return answer.content


async def test_what_was_signed_is_shown(admin: AdminHub) -> None:
    """In upper case, modules in order, moments in UTC."""
    moments = {"from": "2026-03-01T01:00:00+01:00", "until": "2027-01-01"}
    made = await signed(admin, "nl-tnm", "*", modules=["tariffs", "locations"], **moments)
    assert made == {
        "id": 1,
        "parties": ["NL/TNM", "*"],
        "modules": ["locations", "tariffs"],
        "state": "planned",
        "from": "2026-03-01T00:00:00Z",
        "until": "2027-01-01T00:00:00Z",
        "signed_at": "2026-01-02T03:04:05Z",
        "ended_at": None,
        "cdrs": "record",
        "unknown_parties": ["NL/TNM"],
        "policy": "agreements",
    }
    assert (await admin.ask("GET", f"{AGREEMENTS}/1")).content == made
    listed = (await admin.ask("GET", AGREEMENTS)).content
    assert listed == {"policy": "agreements", "agreements": [made]}


async def test_a_party_that_is_registered_is_not_unknown(admin: AdminHub) -> None:
    async with Recorder([("CPO", "NL", "TNM")]) as partner:
        invited = (await admin.ask("POST", "/admin/v1/platforms", {"name": "tnm"})).content
        assert (await partner.register(invited["versions_url"], invited["token"])).code == 1000
    assert (await signed(admin, "NL/TNM", "BE/BEC"))["unknown_parties"] == ["BE/BEC"]


async def test_an_agreement_stands_where_the_clock_says(admin: AdminHub) -> None:
    await signed(
        admin, "NL/TNM", "BE/BEC", **{"from": "2026-01-02T04:00:00Z", "until": "2026-01-02T05:00:00Z"}
    )
    seen = []
    for _ in range(3):
        seen.append((await admin.ask("GET", f"{AGREEMENTS}/1")).content["state"])
        admin.hub.clock.advance(timedelta(hours=1))
    assert seen == ["planned", "in-force", "over"]


async def test_an_agreement_is_ended_once(admin: AdminHub) -> None:
    await signed(admin, "NL/TNM", "BE/BEC")
    ended = await admin.ask("POST", f"{AGREEMENTS}/1/end")
    assert (ended.content["state"], ended.content["ended_at"]) == ("ended", "2026-01-02T03:04:05Z")
    again = await admin.ask("POST", f"{AGREEMENTS}/1/end")
    assert (again.status, again.content["detail"]) == (409, "agreement 1 is ended already")


async def test_the_same_is_not_signed_twice_unless_the_first_is_over(admin: AdminHub) -> None:
    """Whoever began; about something else it is another agreement."""
    await signed(admin, "NL/TNM", "BE/BEC", modules=["tokens"])
    again = await admin.ask("POST", AGREEMENTS, {"parties": ["be/bec", "NL/TNM"], "modules": ["tokens"]})
    assert (again.status, again.content["detail"]) == (409, "agreement 1 says the same")
    await signed(admin, "NL/TNM", "BE/BEC")
    await admin.ask("POST", f"{AGREEMENTS}/1/end")
    assert (await signed(admin, "NL/TNM", "BE/BEC", modules=["tokens"]))["id"] == 3


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [1, 2, 3]),
        ({"party": "nl/tnm"}, [1, 3]),
        ({"party": "BE/BEC"}, [1, 2, 3]),
        ({"party": "FR/XXX"}, [3]),
        ({"state": "ended"}, [2]),
        ({"state": "in-force", "party": "BE/BEC"}, [1, 3]),
    ],
)
async def test_agreements_are_listed_by_party_and_state(
    admin: AdminHub, query: dict[str, str], numbers: list[int]
) -> None:
    """Anybody is everybody."""
    for parties in (("NL/TNM", "BE/BEC"), ("DE/ALL", "BE/BEC"), ("*", "*")):
        await signed(admin, *parties)
    await admin.ask("POST", f"{AGREEMENTS}/2/end")
    listed = (await admin.ask("GET", AGREEMENTS, query=query)).content["agreements"]
    assert [each["id"] for each in listed] == numbers


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parties": ["NL/TNM"]}, "parties.1"),
        ({"parties": ["NL/TNM", "everybody"]}, "parties.1"),
        ({"parties": ["", "BE/BEC"]}, "parties.0"),
        ({"parties": None}, "parties"),
        ({"modules": ["location"]}, "modules"),
        ({"modules": ["hubclientinfo"]}, "modules"),
        ({"modules": "tokens"}, "modules"),
        ({"from": "soon"}, "from"),
        ({"from": "2026-13-01"}, "from"),
        ({"until": "2026-01-02T03:04:05Z"}, "until"),
        ({"until": "2h"}, "until"),
        ({"from": "2026-03-01", "until": "2026-03-01"}, "until"),
        ({"form": "2026-03-01"}, "form"),
        ({"begins": "2026-03-01"}, "begins"),
    ],
)
async def test_what_is_wrong_is_named_by_field_and_nothing_is_signed(
    admin: AdminHub, change: dict[str, Any], field: str
) -> None:
    answer = await admin.ask("POST", AGREEMENTS, {"parties": ["NL/TNM", "BE/BEC"], **change})
    assert answer.status == 400
    assert field in {error["field"] for error in answer.content["errors"]}
    assert (await admin.ask("GET", AGREEMENTS)).content["agreements"] == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/7"), ("POST", "/7/end"), ("GET", "/999999999999999999")]
)
async def test_an_agreement_that_nobody_signed_is_unknown(admin: AdminHub, method: str, path: str) -> None:
    answer = await admin.ask(method, AGREEMENTS + path)
    assert answer.status == 404
    assert answer.content["detail"].startswith("there is no agreement ")


async def test_odd_questions_are_refused_by_name(admin: AdminHub) -> None:
    for query in ({"state": "in force"}, {"party": "TNM"}, {"partner": "x"}):
        answer = await admin.ask("GET", AGREEMENTS, query=query)
        assert (answer.status, [each["field"] for each in answer.content["errors"]]) == (400, list(query))
    assert (await admin.ask("GET", f"{AGREEMENTS}/seven")).status == 404
