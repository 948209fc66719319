"""Kept objects by way of the administration API."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.description import ObjectKey
from hub.store.objects import AcceptedChange
from schemas import exact_json
from schemas.v2_2_1 import Role
from tests.fixtures.admin_hub import AdminHub, admin_hub, run


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        yield admin


async def keep(admin: AdminHub, module: str, object_id: str, body: str, **more: Any) -> None:
    """Have the hub accept an object of NL/TNM."""
    key = ObjectKey(module, more.get("country_code", "NL"), "TNM", object_id.upper(), more.get("variant", ""))
    change = AcceptedChange(
        key=key,
        method="PUT",
        tail=f"/NL/TNM/{object_id}",
        query="",
        body=body.encode(),
        value=exact_json.decode(body),
        parameters={},
        sender_role=Role.CPO,
        sender_platform_id=1,
        correlation_id="corr-1",
    )
    await admin.objects.accept(change)


def tariff(object_id: str, country_code: str = "NL", updated: str = "2026-01-02T03:00:00Z") -> str:
    return (
        f'{{"country_code":"{country_code}","party_id":"TNM","id":"{object_id}","currency":"EUR",'
        f'"price":0.2500,"my_own":"field","last_updated":"{updated}"}}'
    )


async def test_an_object_is_shown_as_it_came_to_the_last_zero(admin: AdminHub) -> None:
    await keep(admin, "tariffs", "T1", tariff("T1"))
    answer = await admin.ask("GET", "/admin/v1/objects/tariffs/one", query={"party": "nl-tnm", "id": "t1"})
    assert answer.status == 200
    assert answer.content["object"]["my_own"] == "field"
    assert str(answer.content["object"]["price"]) == "0.2500"
    assert isinstance(answer.content["object"]["price"], Decimal)


@pytest.mark.parametrize(
    ("query", "ids", "total"),
    [
        ({}, ["T1", "T2", "T3"], 3),
        ({"party": "DE/TNM"}, ["T3"], 1),
        ({"party": "DE/XXX"}, [], 0),
        ({"limit": "1", "offset": "1"}, ["T2"], 3),
        ({"since": "30m"}, ["T2"], 1),
        ({"until": "2026-01-02T02:00:00Z"}, ["T3"], 1),
    ],
)
async def test_a_modules_objects_are_listed_with_filters(
    admin: AdminHub, query: dict[str, str], ids: list[str], total: int
) -> None:
    await keep(admin, "tariffs", "T1", tariff("T1", updated="2026-01-02T02:00:00Z"))
    await keep(admin, "tariffs", "T2", tariff("T2"))
    await keep(admin, "tariffs", "T3", tariff("T3", "DE", updated="2026-01-01T00:00:00Z"), country_code="DE")
    answer = await admin.ask("GET", "/admin/v1/objects/tariffs", query=query)
    assert ([each["id"] for each in answer.content["objects"]], answer.content["total"]) == (ids, total)


async def test_a_token_is_found_by_its_type_which_is_rfid_unless_said(admin: AdminHub) -> None:
    for variant in ("RFID", "APP_USER"):
        body = f'{{"uid":"U1","type":"{variant}","last_updated":"2026-01-02T03:00:00Z"}}'
        await keep(admin, "tokens", "U1", body, variant=variant)
    query = {"party": "NL/TNM", "id": "U1"}
    for more, expected in (({}, "RFID"), ({"variant": "APP_USER"}, "APP_USER")):
        answer = await admin.ask("GET", "/admin/v1/objects/tokens/one", query={**query, **more})
        assert answer.content["object"]["type"] == expected


@pytest.mark.parametrize("module", ["commands", "credentials", "nonsense"])
async def test_a_module_of_which_nothing_is_kept_is_unknown(admin: AdminHub, module: str) -> None:
    answer = await admin.ask("GET", f"/admin/v1/objects/{module}")
    assert answer.status == 404
    assert "locations" in answer.content["detail"]


async def test_an_unknown_object_is_named(admin: AdminHub) -> None:
    answer = await admin.ask("GET", "/admin/v1/objects/tariffs/one", query={"party": "NL/TNM", "id": "T9"})
    assert answer.status == 404
    assert answer.content["detail"] == "tariffs: NL/TNM has no 'T9' here"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("tariffs", {"party": "NLTNM"}, "party"),
        ("tariffs", {"limit": "1001"}, "limit"),
        ("tariffs", {"offset": "-1"}, "offset"),
        ("tariffs", {"since": "x"}, "since"),
        ("tariffs/one", {"party": "NL/TNM"}, "id"),
        ("tariffs/one", {"id": "T1"}, "party"),
    ],
)
async def test_a_wrong_parameter_is_named(
    admin: AdminHub, path: str, query: dict[str, str], field: str
) -> None:
    answer = await admin.ask("GET", f"/admin/v1/objects/{path}", query=query)
    assert (answer.status, answer.content["errors"][0]["field"]) == (400, field)


async def test_the_program_lists_objects_and_shows_one(admin: AdminHub) -> None:
    await keep(admin, "tariffs", "T1", tariff("T1"))
    listed = await admin.run("objects", "tariffs", "--party", "NL/TNM")
    assert listed.code == 0
    assert "NL/TNM" in listed.out
    assert "1 of 1" in listed.out
    assert (await admin.run("objects", "tariffs", "--json")).json["total"] == 1
    one = await admin.run("objects", "tariffs", "T1", "--party", "NL/TNM")
    assert '"price": 0.2500' in one.out
    assert (await admin.run("objects", "tariffs", "T1", "--party", "NL/TNM", "--json")).json["object"][
        "id"
    ] == "T1"
    assert (await admin.run("objects", "tariffs", "T9", "--party", "NL/TNM")).code == 1
    assert (await admin.run("objects", "nonsense")).code == 1
    assert (await run("objects", "tariffs", "T1", "--key", admin.key)).code == 2
