"""Platforms by way of the administration API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.admin_hub import AdminHub, admin_hub
from tests.fixtures.recorder import Recorder


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        yield admin


@pytest.fixture
async def partner() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as partner:
        yield partner


async def connected(admin: AdminHub, partner: Recorder, name: str = "tnm") -> None:
    invited = await admin.ask("POST", "/admin/v1/platforms", {"name": name})
    answer = await partner.register(invited.content["versions_url"], invited.content["token"])
    assert answer.code == 1000, answer.body


async def test_an_invitation_is_all_that_a_partner_needs_to_register(
    admin: AdminHub, partner: Recorder
) -> None:
    await connected(admin, partner)
    shown = (await admin.ask("GET", "/admin/v1/platforms/tnm")).content
    assert (shown["status"], shown["version"], shown["is_suspended"]) == ("CONNECTED", "2.2.1", False)
    assert [(each["party"], each["role"]) for each in shown["roles"]] == [("NL/TNM", "CPO")]
    assert shown["token_encoding"] == "base64"
    modules = {(each["module"], each["interface"]) for each in shown["endpoints"]}
    assert ("locations", "SENDER") in modules


async def test_an_answer_never_holds_a_token_but_the_invitation(admin: AdminHub, partner: Recorder) -> None:
    invited = (await admin.ask("POST", "/admin/v1/platforms", {"name": "tnm"})).content
    answer = await partner.register(invited["versions_url"], invited["token"])
    tokens = {invited["token"], answer.data["token"], *partner.accepted_tokens}
    await admin.writer.write_waiting()
    for path in ("/platforms", "/platforms/tnm", "/journal"):
        said = str(await admin.ask("GET", f"/admin/v1{path}"))
        assert not any(token in said for token in tokens)


async def test_platforms_are_listed_by_name(admin: AdminHub) -> None:
    for name in ("zeta", "alpha"):
        await admin.ask("POST", "/admin/v1/platforms", {"name": name})
    answer = await admin.ask("GET", "/admin/v1/platforms")
    assert [(each["name"], each["status"]) for each in answer.content["platforms"]] == [
        ("alpha", "PLANNED"),
        ("zeta", "PLANNED"),
    ]


async def test_a_suspended_platform_stays_suspended_until_it_is_resumed(
    admin: AdminHub, partner: Recorder
) -> None:
    await connected(admin, partner)
    suspended = await admin.ask("POST", "/admin/v1/platforms/tnm/suspend")
    assert (suspended.content["status"], suspended.content["is_suspended"]) == ("SUSPENDED", True)
    resumed = await admin.ask("POST", "/admin/v1/platforms/tnm/resume")
    assert (resumed.content["status"], resumed.content["is_suspended"]) == ("CONNECTED", False)


async def test_a_removed_platform_is_unknown_and_its_token_dead(admin: AdminHub, partner: Recorder) -> None:
    await connected(admin, partner)
    assert (await admin.ask("DELETE", "/admin/v1/platforms/tnm")).content == {"name": "tnm"}
    assert (await admin.ask("GET", "/admin/v1/platforms/tnm")).status == 404
    assert (await partner.call("GET", admin.hub.versions_url)).status == 401


async def test_a_platform_that_lost_its_tokens_is_invited_again(admin: AdminHub, partner: Recorder) -> None:
    await connected(admin, partner)
    invited = (await admin.ask("POST", "/admin/v1/platforms/tnm/invite")).content
    assert (await admin.ask("GET", "/admin/v1/platforms/tnm")).content["status"] == "PLANNED"
    assert (await partner.register(invited["versions_url"], invited["token"])).code == 1000


async def test_a_name_that_is_taken_is_a_conflict(admin: AdminHub) -> None:
    await admin.ask("POST", "/admin/v1/platforms", {"name": "acme"})
    answer = await admin.ask("POST", "/admin/v1/platforms", {"name": "acme"})
    assert answer.status == 409
    assert "acme" in answer.content["detail"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name"]),
        ({"name": 7}, ["name"]),
        ({"name": "a/b"}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "acme", "nmae": "acme"}, ["nmae"]),
        ([], ["body"]),
    ],
)
async def test_what_is_wrong_with_an_invitation_is_named_by_field(
    admin: AdminHub, body: object, fields: list[str]
) -> None:
    answer = await admin.ask("POST", "/admin/v1/platforms", body)
    assert answer.status == 400
    assert [error["field"] for error in answer.content["errors"]] == fields
    assert (await admin.ask("GET", "/admin/v1/platforms")).content == {"platforms": []}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff"])
async def test_a_body_that_is_not_json_is_refused(admin: AdminHub, raw: bytes) -> None:
    answer = await admin.ask("POST", "/admin/v1/platforms", raw=raw)
    assert answer.status == 400
    assert answer.content["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume"), ("POST", "/invite")],
)
async def test_a_platform_that_nobody_knows_is_named(admin: AdminHub, method: str, path: str) -> None:
    answer = await admin.ask(method, f"/admin/v1/platforms/no%20body{path}")
    assert answer.status == 404
    assert answer.content["detail"] == "no platform has the name 'no body'"
