"""Tokens at the hub: one for each uid and type of an owner (2.2.1, chapter Tokens)."""

from typing import Any

import pytest

from tests.fixtures.recorder import Answered
from tests.fixtures.roaming import CPO, EMSP, HUB, TOKEN, Roaming

TYPES = ("RFID", "APP_USER", "AD_HOC_USER", "OTHER")


async def push(world: Roaming, value: Any, query: str = "", method: str = "PUT") -> Answered:
    url = world.url("tokens", "RECEIVER", f"/{EMSP}/012345678{query}")
    return await world.emsp.call(method, url, value, to=HUB, sender=EMSP)


async def listed(world: Roaming) -> list[Any]:
    return (await world.cpo.call("GET", world.url("tokens", "SENDER"), to=HUB, sender=CPO)).data


@pytest.mark.holds("TOK-03", "AM-52", by="hub")
async def test_tokens_of_one_uid_and_several_types_are_several_tokens(world: Roaming) -> None:
    for kind in TYPES:
        query = "" if kind == "RFID" else f"?type={kind}"
        answer = await push(world, TOKEN | {"type": kind}, query)
        assert (answer.status, answer.code) == (201, 1000)
    assert [each["type"] for each in await listed(world)] == list(TYPES)
    await world.cpo.receives("PUT", "/receiver/tokens", len(TYPES))
    got = {(each.query, each.value["type"]) for each in world.cpo.all("PUT", "/receiver/tokens")}
    assert got == {("" if kind == "RFID" else f"type={kind}", kind) for kind in TYPES}


@pytest.mark.holds("TOK-03", "AM-52", by="hub")
@pytest.mark.parametrize(
    ("kind", "query"),
    [("APP_USER", ""), ("APP_USER", "?type=RFID"), ("RFID", "?type=APP_USER"), ("OTHER", "?x=1")],
)
async def test_a_token_of_another_type_than_its_url_says_is_refused(
    world: Roaming, kind: str, query: str
) -> None:
    """Without a word on it, the URL says RFID."""
    answer = await push(world, TOKEN | {"type": kind}, query)
    assert (answer.status, answer.code) == (200, 2001)
    assert "/type" in answer.envelope["status_message"]
    assert await listed(world) == []


@pytest.mark.holds("TOK-03", by="hub")
async def test_a_patch_changes_the_token_of_its_type_alone(world: Roaming) -> None:
    for kind in ("RFID", "APP_USER"):
        await push(world, TOKEN | {"type": kind}, f"?type={kind}")
    change = {"valid": False, "last_updated": "2026-02-01T00:00:00Z"}
    assert (await push(world, change, "?type=APP_USER", "PATCH")).code == 1000
    assert {each["type"]: each["valid"] for each in await listed(world)} == {"RFID": True, "APP_USER": False}
    answer = await push(world, change, "?type=OTHER", "PATCH")
    assert (answer.status, answer.code) == (404, 2001)


async def test_tokens_are_neither_deleted_nor_posted(world: Roaming) -> None:
    """TOK-01."""
    await push(world, TOKEN)
    for method in ("DELETE", "POST"):
        answer = await push(world, TOKEN, method=method)
        assert (answer.status, answer.code) == (405, 2000)
    assert await listed(world) == [TOKEN]


@pytest.mark.holds("AM-33", by="hub")
async def test_a_type_of_a_later_version_is_a_type_of_its_own(world: Roaming) -> None:
    emaid = TOKEN | {"type": "EMAID"}
    assert (await push(world, emaid, "?type=EMAID")).code == 1000
    assert await listed(world) == [emaid]
