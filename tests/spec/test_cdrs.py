"""CDRs through the hub: final, relayed as they are, and kept for their two parties (2.2.1, chapter CDRs)."""

from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from hub.store.database import opened
from hub.store.journal import Purpose
from tests.fixtures.full_disk import fill_disk
from tests.fixtures.lists import listed, listed_soon
from tests.fixtures.recorder import Answered, Received, Recorder, Reply, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, OTHER_EMSP, TARIFF, Roaming, joined, roaming, settings
from tests.fixtures.samples import cdr, cdr_token

BEFORE, AFTER = "2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z"


def of(party: str, **changes: Any) -> dict[str, Any]:
    """A CDR for a token of this party."""
    country_code, party_id = party.split("/")
    token = cdr_token(country_code=country_code, party_id=party_id)
    return cdr(**({"cdr_token": token} | changes))


async def post(world: Roaming, value: Any, to: str = EMSP, **more: Any) -> Answered:
    """A CDR from the CPO to a party."""
    return await world.cpo.call("POST", world.url("cdrs", "RECEIVER"), value, to=to, sender=CPO, **more)


async def kept(world: Roaming, count: int, party: str = EMSP) -> list[Any]:
    """The CDRs that the hub shows a party, once there are so many."""
    asker = world.cpo if party == CPO else world.emsp
    return await listed_soon(world, asker, party, "cdrs", lambda found: len(found) == count)


def credit(of_cdr: dict[str, Any]) -> dict[str, Any]:
    """The CDR that takes another back."""
    total = {name: -amount for name, amount in of_cdr["total_cost"].items()}
    taken = {"credit": True, "credit_reference_id": of_cdr["id"], "total_cost": total}
    return of_cdr | {"id": f"{of_cdr['id']}-credit"} | taken


@pytest.mark.holds("CDR-02", "CDR-03", "CDR-04", "CDR-21", by="hub")
@pytest.mark.parametrize("kind", ["absolute", "relative"])
async def test_a_stored_cdr_is_read_where_the_hub_says(
    world: Roaming, stack: AsyncExitStack, kind: str
) -> None:
    stored_at = "/shelf/c%2F1?version=2"
    location = world.emsp.url + stored_at if kind == "absolute" else stored_at
    world.emsp.answers("POST", "/receiver/cdrs", Reply(status=201, headers={"Location": location}))
    body = b'{"id":"C1",  "total_cost":{"excl_vat":3.50}, "x_new":[1.0]}'
    url = world.url("cdrs", "RECEIVER")
    answer = await world.cpo.call("POST", url, body=body, to=EMSP, sender=CPO)
    assert (answer.status, answer.code, answer.sender) == (201, 1000, EMSP)
    assert (await world.emsp.receives("POST", "/receiver/cdrs")).body == body
    given = answer.headers["Location"]
    assert given.startswith(f"{world.hub.public_url}/ocpi/2.2.1/via/")
    world.emsp.answers("GET", "/shelf/", Reply(cdr()))
    for more in ({}, {"to": EMSP, "sender": CPO}):
        assert (await world.cpo.call("GET", given, **more)).data == cdr()
    got = await world.emsp.receives("GET", "/shelf/", 2)
    assert (got.path, got.query, got.to, got.sender) == ("/shelf/c%2F1", "version=2", EMSP, CPO)
    assert got.token in world.emsp.accepted_tokens
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        refused = await world.cpo.call(method, given, {})
        assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    other = await stack.enter_async_context(Recorder([("EMSP", *OTHER_EMSP.split("/"))]))
    await joined(world.hub, other, "other")
    assert (await other.call("GET", given, sender=OTHER_EMSP)).status == 404
    assert len(world.emsp.all("GET", "/shelf/")) == 2


@pytest.mark.holds("CDR-04", by="hub")
async def test_a_location_at_another_host_is_left_out_and_named(world: Roaming) -> None:
    elsewhere = {"Location": "https://elsewhere.example/cdrs/1"}
    world.emsp.answers("POST", "/receiver/cdrs", Reply(status=201, headers=elsewhere))
    answer = await post(world, of(EMSP), headers={"X-Correlation-ID": "lost"})
    assert answer.status == 201
    assert "Location" not in answer.headers
    assert "elsewhere.example" in world.noted("lost")[0].note


@pytest.mark.holds("CDR-03", by="hub")
async def test_a_cdr_is_also_read_at_the_receivers_own_url(world: Roaming) -> None:
    world.emsp.answers("GET", "/receiver/cdrs/C1/v2", Reply(of(EMSP)))
    url = world.url("cdrs", "RECEIVER", "/C1/v2")
    assert (await world.cpo.call("GET", url, to=EMSP, sender=CPO)).data == of(EMSP)


@pytest.mark.holds("CDR-01", by="hub")
@pytest.mark.parametrize(
    ("method", "side", "tail", "status"),
    [
        ("PUT", "RECEIVER", "/C1", 405),
        ("PATCH", "RECEIVER", "/C1", 405),
        ("DELETE", "RECEIVER", "/C1", 405),
        ("PUT", "RECEIVER", "/BE/BEC/C1", 405),
        ("PUT", "RECEIVER", "", 405),
        ("POST", "RECEIVER", "/C1", 405),
        ("POST", "SENDER", "", 405),
        ("GET", "SENDER", "/C1", 404),
    ],
)
async def test_a_cdr_is_final(world: Roaming, method: str, side: str, tail: str, status: int) -> None:
    url = world.url("cdrs", side, tail)
    answer = await world.cpo.call(method, url, of(EMSP), to=EMSP, sender=CPO)
    assert answer.status == status
    assert world.emsp.all("*", "/cdrs") == []


@pytest.mark.holds("CDR-06", "CDR-07", "CDR-17", "RT-54", by="hub")
async def test_a_correction_is_a_credit_cdr_and_a_new_one(world: Roaming, stack: AsyncExitStack) -> None:
    other = await stack.enter_async_context(Recorder([("EMSP", *OTHER_EMSP.split("/"))]))
    await joined(world.hub, other, "other")
    first, corrected = of(EMSP), of(EMSP, id="C2", total_cost={"excl_vat": Decimal("5.00")})
    story = [first, credit(first), corrected]
    for each in story:
        answer = await post(world, each, headers={"X-Correlation-ID": "story"})
        assert answer.code == 1000
    assert [got.body for got in world.emsp.all("POST", "/receiver/cdrs")] == [to_json(each) for each in story]
    # What the verdicts say of CDRs that are old by now is another story.
    assert [each.note for each in world.noted("story") if each.purpose is not Purpose.VERDICT] == []
    assert await kept(world, 3) == story
    assert await kept(world, 3, CPO) == story
    assert await listed(world, other, OTHER_EMSP, "cdrs") == []
    assert sum(each["total_cost"]["excl_vat"] for each in await kept(world, 3)) == Decimal("5.00")


@pytest.mark.holds("CDR-05", "CDR-08", "CDR-10", "CDR-11", by="hub")
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "x" * 37}, "/id"),
        ({"id": "x" * 40, "credit": True, "credit_reference_id": "C1"}, "/id"),
        ({"credit": True}, "/credit_reference_id"),
        ({"credit_reference_id": "C0"}, "/credit"),
        ({"charging_periods": []}, "/charging_periods"),
    ],
)
async def test_a_wrong_cdr_is_the_receivers_to_judge_and_a_finding(
    world: Roaming, change: dict[str, Any], pointer: str
) -> None:
    world.emsp.answers("POST", "/receiver/cdrs", Reply(status_code=2001, status_message="no"))
    answer = await post(world, of(EMSP, **change), headers={"X-Correlation-ID": "wrong"})
    assert (answer.code, answer.envelope["status_message"], answer.sender) == (2001, "no", EMSP)
    assert pointer in world.noted("wrong")[0].note


@pytest.mark.holds("CDR-01", "CDR-19", by="hub")
async def test_the_first_cdr_of_an_id_is_the_one_that_is_kept(world: Roaming) -> None:
    await post(world, of(EMSP))
    await post(world, of(EMSP, total_energy=99, last_updated="2026-02-01T00:00:00Z"))
    await post(world, of(EMSP, id="C2"))
    assert await kept(world, 2) == [of(EMSP), of(EMSP, id="C2")]


@pytest.mark.holds(
    "CDR-17", "RT-52", "PG-01", "PG-02", "PG-03", "PG-06", "PG-07", "PG-08", "PG-09", "PG-19", by="hub"
)
async def test_get_all_of_cdrs_is_paged_and_filtered(world: Roaming) -> None:
    times = {"C1": BEFORE, "C2": AFTER, "C3": BEFORE}
    for name, moment in times.items():
        await post(world, of(EMSP, id=name, last_updated=moment))
    await kept(world, 3)
    for query, expected in (
        ("?limit=2", ["C1", "C2", "C3"]),
        (f"?date_from={AFTER}", ["C2"]),
        (f"?date_to={AFTER}", ["C1", "C3"]),
    ):
        assert [each["id"] for each in await listed(world, world.emsp, EMSP, "cdrs", query)] == expected
    page = await world.emsp.call("GET", world.url("cdrs", "SENDER", "?limit=1"), to=HUB, sender=EMSP)
    assert (page.headers["X-Total-Count"], page.headers["X-Limit"]) == ("3", "100")
    assert urlsplit(page.headers["Link"][1:]).netloc == urlsplit(world.hub.public_url).netloc
    query = f"?limit=1&date_from={BEFORE}"
    page = await world.emsp.call("GET", world.url("cdrs", "SENDER", query), to=HUB, sender=EMSP)
    assert f"date_from={quote(BEFORE)}" in page.headers["Link"]
    last = await world.emsp.call("GET", world.url("cdrs", "SENDER", "?offset=2"), to=HUB, sender=EMSP)
    assert ([each["id"] for each in last.data], last.headers.get("Link")) == (["C3"], None)
    assert (last.headers["X-Total-Count"], last.headers["X-Limit"]) == ("3", "100")
    assert (
        await world.emsp.call("GET", world.url("cdrs", "SENDER", "?limit=0"), to=HUB, sender=EMSP)
    ).code == 2001


@pytest.mark.holds("AM-26", by="hub")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cdr_token": cdr_token(country_code="DE", party_id="ALL")}, "/cdr_token"),
        ({"country_code": "FR"}, "/country_code"),
    ],
)
async def test_a_cdr_of_others_is_a_finding_and_not_kept(
    world: Roaming, change: dict[str, Any], said: str
) -> None:
    assert (await post(world, of(EMSP, **change), headers={"X-Correlation-ID": "odd"})).code == 1000
    assert said in world.noted("odd")[0].note
    await post(world, of(EMSP, id="C2"))
    assert [each["id"] for each in await kept(world, 1, CPO)] == ["C2"]
    assert [each["id"] for each in await kept(world, 1)] == ["C2"]


async def test_odd_cdrs_are_relayed_and_do_no_harm(world: Roaming) -> None:
    odd: list[Any] = [
        {},
        {"id": 7},
        {"cdr_token": 7},
        {"cdr_token": {"country_code": "NL", "party_id": "TNM"}},
        of(EMSP, id=None),
        of(EMSP, id=""),
        of(EMSP, country_code=None),
        of(EMSP, party_id="TOO-LONG"),
        of(EMSP, last_updated="yesterday"),
        of(EMSP, last_updated=None),
    ]
    for value in odd:
        assert (await post(world, value)).code == 1000, value
    await post(world, of(EMSP, id="GOOD"))
    assert [each["id"] for each in await kept(world, 1)] == ["GOOD"]
    assert len(world.emsp.all("POST", "/receiver/cdrs")) == len(odd) + 1


@pytest.mark.holds("RT-55", "TAR-19", "AM-42", by="hub")
async def test_what_was_sent_to_one_party_directly_does_not_show_up_for_others(
    world: Roaming, stack: AsyncExitStack
) -> None:
    other = await stack.enter_async_context(Recorder([("EMSP", *OTHER_EMSP.split("/"))]))
    await joined(world.hub, other, "other")
    url = world.url("tariffs", "RECEIVER", "/BE/BEC/T1")
    assert (await world.cpo.call("PUT", url, TARIFF, to=EMSP, sender=CPO)).code == 1000
    await post(world, of(EMSP))
    await kept(world, 1)
    for asker, party in ((other, OTHER_EMSP), (world.emsp, EMSP)):
        assert await listed(world, asker, party, "tariffs") == []
    assert await listed(world, other, OTHER_EMSP, "cdrs") == []


@pytest.mark.holds("CDR-17", by="hub")
async def test_a_list_of_one_cpo_is_its_own_answer(world: Roaming) -> None:
    """PG-16: what the CPO shows this eMSP, with its parameters as they were asked."""

    def page(received: Received) -> Reply:
        assert received.query == "date_from=2026-01-01T00:00:00Z&limit=7"
        return Reply([of(EMSP)], headers={"X-Total-Count": "1", "X-Limit": "7"})

    world.cpo.answers("GET", "/sender/cdrs", page)
    url = world.url("cdrs", "SENDER", "?date_from=2026-01-01T00:00:00Z&limit=7")
    answer = await world.emsp.call("GET", url, to=CPO, sender=EMSP)
    assert (answer.data, answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ([of(EMSP)], "1", "7")


@pytest.mark.holds("CDR-04", by="hub")
async def test_a_cdr_that_was_taken_is_taken_although_the_hub_cannot_write(tmp_path: Path) -> None:
    """Who hears of a failure sends it again, and the driver pays twice."""
    async with roaming(tmp_path) as world:
        async with opened(settings(tmp_path).database_url) as database:
            await fill_disk(database, "INSERT", "link")
        stored_at = {"Location": f"{world.emsp.url}/cdrs/1"}
        world.emsp.answers("POST", "/receiver/cdrs", Reply(status=201, headers=stored_at))
        answer = await post(world, of(EMSP), headers={"X-Correlation-ID": "story"})
        assert (answer.status, answer.code) == (201, 1000)
        assert "Location" not in answer.headers
        assert any("Location left out" in each.note for each in world.noted("story"))
