"""Platforms by way of the administration API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.admin_hub import AdminHub, admin_hub
from tests.fixtures.recorder import Fault, Recorder


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


@pytest.mark.holds("CR-02", by="hub")
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


@pytest.mark.holds("CR-02", by="hub")
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
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/suspend"),
        ("POST", "/resume"),
        ("POST", "/invite"),
        ("POST", "/rotate"),
        ("GET", "/tokens"),
        ("POST", "/unregister"),
        ("POST", "/check"),
    ],
)
async def test_a_platform_that_nobody_knows_is_named(admin: AdminHub, method: str, path: str) -> None:
    answer = await admin.ask(method, f"/admin/v1/platforms/no%20body{path}")
    assert answer.status == 404
    assert answer.content["detail"] == "no partner has the name 'no body'"


async def registered_at(admin: AdminHub, partner: Recorder) -> None:
    token_a = partner.accept_new_token()
    body = {"name": "tnm", "versions_url": partner.versions_url, "token": token_a}
    answer = await admin.ask("POST", "/admin/v1/platforms/register", body)
    assert answer.status == 200, answer.content
    assert (answer.content["status"], answer.content["roles"][0]["party"]) == ("CONNECTED", "NL/TNM")


async def test_the_hub_registers_at_a_platform_and_renews_and_ends_it(
    admin: AdminHub, partner: Recorder
) -> None:
    await registered_at(admin, partner)
    assert (await admin.ask("POST", "/admin/v1/platforms/tnm/rotate")).status == 200
    ended = await admin.ask("POST", "/admin/v1/platforms/tnm/unregister")
    assert (ended.content["status"], ended.content["is_registered"]) == ("SUSPENDED", False)
    sent = [each.method for each in partner.received if each.path.endswith("/credentials")]
    assert sent == ["POST", "PUT", "DELETE"]
    assert (await admin.ask("POST", "/admin/v1/platforms/tnm/rotate")).status == 409


async def test_a_handshake_that_a_platform_spoils_leaves_nothing_and_says_where_to_look(
    admin: AdminHub, partner: Recorder
) -> None:
    token_a = partner.accept_new_token()
    partner.answers("POST", "/credentials", Fault.HTML)
    body = {"name": "tnm", "versions_url": partner.versions_url, "token": token_a}
    answer = await admin.ask("POST", "/admin/v1/platforms/register", body)
    assert answer.status == 502
    assert "POST of the credentials" in answer.content["detail"]
    assert token_a not in str(answer)
    await admin.writer.write_waiting()
    query = {"correlation_id": answer.content["correlation_id"], "bodies": "true"}
    trace = await admin.ask("GET", "/admin/v1/trace", query=query)
    assert [leg["method"] for leg in trace.content["legs"] if leg["direction"] == "out"] == [
        "GET",
        "GET",
        "POST",
    ]
    assert token_a not in str(trace)
    assert (await admin.ask("GET", "/admin/v1/platforms")).content == {"platforms": []}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"versions_url": "acme.example/versions"}, "versions_url"),
        ({"versions_url": "ftp://acme.example/versions"}, "versions_url"),
        ({"versions_url": "https://"}, "versions_url"),
        ({"token": ""}, "token"),
        ({"token": "with space"}, "token"),
        ({"token_encoding": "hex"}, "token_encoding"),
        ({"name": "a/b"}, "name"),
    ],
)
async def test_what_is_wrong_with_a_registration_is_named_by_field(
    admin: AdminHub, change: dict[str, str], field: str
) -> None:
    body = {"name": "tnm", "versions_url": "http://127.0.0.1:1/versions", "token": "secret-token-a"} | change
    answer = await admin.ask("POST", "/admin/v1/platforms/register", body)
    assert (answer.status, answer.content["errors"][0]["field"]) == (400, field)
    assert "secret-token-a" not in str(answer)


async def test_a_check_tells_what_is_wrong_and_where_each_call_is(admin: AdminHub, partner: Recorder) -> None:
    await connected(admin, partner)
    well = (await admin.ask("POST", "/admin/v1/platforms/tnm/check")).content
    assert (well["name"], well["has_errors"]) == ("tnm", False)
    partner.answers("GET", "/versions", Fault.HTML)
    checked = (await admin.ask("POST", "/admin/v1/platforms/tnm/check")).content
    assert checked["has_errors"] is True
    errors = [each for each in checked["findings"] if each["weight"] == "error"]
    assert {each["subject"] for each in errors} == {"versions"}
    assert any("not JSON" in each["message"] for each in errors)
    await admin.writer.write_waiting()
    trace = await admin.ask("GET", "/admin/v1/trace", query={"correlation_id": checked["correlation_id"]})
    assert {leg["purpose"] for leg in trace.content["legs"]} == {"probe"}


async def test_a_platform_that_is_not_registered_cannot_be_checked(admin: AdminHub) -> None:
    await admin.ask("POST", "/admin/v1/platforms", {"name": "tnm"})
    assert (await admin.ask("POST", "/admin/v1/platforms/tnm/check")).status == 409
