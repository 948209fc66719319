"""What the hub says of a message that nobody sends: the same as it does with one that somebody sends."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import func, select
from sqlmodel import SQLModel

from hub.directory.directory import BadBodies
from hub.directory.quirks import EVERYWHERE, Quirk
from hub.settings import PolicyMode
from hub.store.database import opened
from schemas import exact_json
from tests.fixtures.admin_hub import run
from tests.fixtures.crowd import OTHER_CPO, Crowd, crowd, name_of
from tests.fixtures.databases import database_in
from tests.fixtures.recorder import Received, Reply, to_json
from tests.fixtures.resting import at_rest
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, OTHER_EMSP, TARIFF, TOKEN

EVERYBODY = (CPO, OTHER_CPO, EMSP, OTHER_EMSP)
LATER = "2026-01-01T12:00:00Z"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Crowd]:
    async with furnished(tmp_path) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Crowd, Path]]:
    """One world for the whole file, and where it keeps things: for tests that change nothing in it."""
    data = tmp_path_factory.mktemp("hub")
    async with furnished(data) as made:
        yield made, data


@asynccontextmanager
async def furnished(data: Path) -> AsyncIterator[Crowd]:
    """Two CPOs that have locations, one id of them twice, and two eMSPs, one of which has a token."""
    async with crowd(data, *EVERYBODY) as made:
        await made.has_location(CPO, "LOC1")
        await made.has_location(CPO, "TWICE")
        await made.has_location(OTHER_CPO, "TWICE")
        await made.has_token(EMSP)
        for emsp in (EMSP, OTHER_EMSP):
            told = partial(made[emsp].all, "PUT", "/receiver/locations")
            await made[emsp].until(lambda told=told: len({each.path for each in told()}) == 3)
        for cpo in (CPO, OTHER_CPO):
            await made[cpo].receives("PUT", "/receiver/tokens")
        # On a busy machine an answer may come too late for the hub, which then sends it again.
        await at_rest(made.hub)
        yield made


def received(world: Crowd, party: str) -> list[Received]:
    """What a party received, but for what may come at any time: who is connected, and whether it is alive."""
    return [
        each
        for each in world[party].received
        if "/hubclientinfo" not in each.path and not each.path.endswith("/versions")
    ]


async def asked(world: Crowd, question: Mapping[str, Any]) -> tuple[int, Any]:
    """The administration API's answer."""
    headers = {"Authorization": f"Bearer {world.hub.admin_key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{world.hub.admin_url}/admin/v1/route/explain", data=exact_json.encode(question), headers=headers
        ) as answer,
    ):
        return answer.status, exact_json.decode(await answer.read())


async def explained(
    world: Crowd, sender: str, method: str, path: str, value: Any = None, to: str | None = None
) -> Any:
    """The explanation of a request; `path` begins with the interface: `sender/locations/LOC1`."""
    interface, module, *tail = path.split("/", maxsplit=2)
    status, content = await asked(
        world,
        {
            "from": sender,
            "to": to,
            "module": module.partition("?")[0],
            "method": method,
            "interface": interface.upper(),
            "path": "".join(f"/{each}" for each in tail) + module.removeprefix(module.partition("?")[0]),
            "body": "" if value is None else to_json(value).decode(),
        },
    )
    assert status == 200, content
    return content


async def written(data: Path) -> dict[str, int]:
    """How many rows each table has, but for what is written behind the pushes of before."""
    async with opened(database_in(data)) as database, database.reading() as connection:
        return {
            name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in SQLModel.metadata.tables.items()
            if name not in {"journal", "cursor", "quirk"}
        }


OWN = {"response_url": "OWN"}
STOP = "receiver/commands/STOP_SESSION"
START = "receiver/commands/START_SESSION"
MINE = {"country_code": "NL", "party_id": "TNM"}
#: Who sends what to whom, a word of the rule, and rows that the explanation names.
MESSAGES: list[tuple[str, str, str, Any, str | None, str, set[str]]] = [
    (EMSP, "GET", "sender/locations/LOC1", None, CPO, "direct", {"RT-06", "RT-26"}),
    (EMSP, "GET", "sender/locations?limit=3", None, CPO, "direct", {"RT-06"}),
    (EMSP, "POST", STOP, OWN | {"session_id": "S1"}, OTHER_CPO, "direct", set()),
    (EMSP, "POST", STOP, {"session_id": "S1", "response_url": "http://127.0.0.1:9/"}, CPO, "direct", set()),
    (EMSP, "GET", "sender/locations/LOC1", None, "XX/XXX", "direct", {"RT-13"}),
    (EMSP, "GET", "sender/locations/LOC1", None, None, "owner of the location", {"RT-44", "RT-49"}),
    (
        EMSP,
        "POST",
        START,
        OWN | {"location_id": "LOC1", "token": TOKEN},
        None,
        "owner of the location",
        {"RT-49"},
    ),
    (EMSP, "POST", START, OWN | {"location_id": "TWICE", "token": TOKEN}, None, "open", {"RT-50"}),
    (EMSP, "POST", START, OWN | {"location_id": "NONE", "token": TOKEN}, None, "open", {"RT-48"}),
    (EMSP, "GET", "sender/locations", None, None, "open", {"RT-56"}),
    (CPO, "POST", "receiver/cdrs", {"id": "C1", "cdr_token": MINE}, None, "cdr_token", {"AM-26"}),
    (CPO, "POST", "receiver/cdrs", {"id": "C1"}, None, "open", {"AM-26"}),
    (CPO, "POST", "receiver/cdrs", {"id": "C1"}, HUB, "hub", {"RT-39"}),
    (
        CPO,
        "POST",
        "sender/tokens/012345678/authorize?type=RFID",
        None,
        None,
        "owner of the token",
        {"TOK-19"},
    ),
    (CPO, "POST", "sender/tokens/STRANGE/authorize", None, None, "all who may know", {"RT-51"}),
    (CPO, "PUT", "receiver/locations/BE/BEC/LOC1", LOCATION, HUB, "broadcast", {"RT-28", "RT-35"}),
    (CPO, "PUT", "receiver/tariffs/BE/BEC/T1", TARIFF, None, "broadcast", {"RT-49"}),
    (CPO, "PUT", "receiver/tariffs/BE/BEC/T1", TARIFF | {"currency": 7}, HUB, "broadcast", {"TR-13"}),
    (CPO, "PUT", "receiver/tariffs/BE/BEC/T2", TARIFF, HUB, "hub", {"TR-27"}),
    (CPO, "PUT", "receiver/tariffs/NL/TNM/T1", TARIFF | MINE, HUB, "hub", {"AM-07"}),
    (CPO, "PATCH", "receiver/locations/BE/BEC/NONE", {"last_updated": LATER}, HUB, "broadcast", set()),
    (CPO, "DELETE", "receiver/tariffs/BE/BEC/T9", None, HUB, "broadcast", set()),
    (EMSP, "GET", "sender/locations", None, HUB, "GET All", {"RT-52"}),
    (EMSP, "GET", "sender/locations?limit=0", None, HUB, "GET All", set()),
    (EMSP, "GET", "sender/locations/LOC1/3256", None, HUB, "one object", {"RT-56"}),
    (EMSP, "GET", "sender/locations/TWICE", None, HUB, "one object", set()),
    (EMSP, "PATCH", "sender/locations/LOC1", {}, CPO, "no such operation", {"TR-40"}),
    (EMSP, "GET", "sender/locations/LOC1/1/2/3", None, CPO, "no such operation", set()),
]


def only(*, reads: bool) -> list[tuple[str, str, str, Any, str | None, str, set[str]]]:
    return [each for each in MESSAGES if (each[1] == "GET") is reads]


@pytest.mark.parametrize("message", only(reads=True))
@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_explained_of_a_get_is_what_happens(
    standing: tuple[Crowd, Path], message: tuple[Any, ...]
) -> None:
    await check_that_it_happens_so(*standing, *message)


@pytest.mark.parametrize("message", only(reads=False))
async def test_what_is_explained_is_what_happens(
    world: Crowd, tmp_path: Path, message: tuple[Any, ...]
) -> None:
    await check_that_it_happens_so(world, tmp_path, *message)


async def check_that_it_happens_so(  # noqa: PLR0917 a message, and what is said of it
    world: Crowd,
    data: Path,
    sender: str,
    method: str,
    path: str,
    value: Any,
    to: str | None,
    rule: str,
    rows: set[str],
) -> None:
    for recorder in world.partners.values():
        recorder.answers("POST", "/authorize", Reply(status=404, status_code=2004))
    if value is not None and value.get("response_url") == "OWN":
        value = value | {"response_url": f"{world[sender].url}/callbacks/1"}
    before = {party: len(received(world, party)) for party in world.partners}
    rows_before = await written(data)
    found = await explained(world, sender, method, path, value, to)
    assert {party: len(received(world, party)) for party in world.partners} == before
    assert await written(data) == rows_before
    assert rule in found["rule"]
    assert rows <= set(found["rows"])

    answer = await world.sends(sender, method, path, value, to=to)
    refusal = found["refusal"]
    if refusal is not None:
        said = (answer.status, answer.code, answer.envelope["status_message"])
        assert said == (refusal["http_status"], refusal["status_code"], refusal["message"])
        assert found["ways"] == []
    for way in found["ways"]:
        party = way["party"]
        await world[party].until(lambda party=party: len(received(world, party)) > before[party])
        (got,) = received(world, party)[before[party] :]
        url = f"{world[party].url}{got.path}" + (f"?{got.query}" if got.query else "")
        assert (way["method"], way["url"]) == (got.method, url)
        assert (way["platform"], way["status"]) == (name_of(party), "CONNECTED")
    for party in set(world.partners) - {way["party"] for way in found["ways"]}:
        assert len(received(world, party)) == before[party]


async def test_the_interface_is_found_by_path_and_sender_where_they_tell(world: Crowd) -> None:
    question = {"from": EMSP, "to": CPO, "module": "commands", "method": "post", "path": "/STOP_SESSION"}
    status, found = await asked(world, question)
    assert (status, found["interface"]) == (200, "RECEIVER")
    for asker, interface in ((CPO, "SENDER"), (EMSP, "RECEIVER")):
        question = {"from": asker, "to": HUB, "module": "tokens", "method": "GET", "path": "/NL/TNM/1"}
        assert (await asked(world, question))[1]["interface"] == "RECEIVER", (asker, interface)


@pytest.mark.parametrize(
    ("wrong", "field", "status"),
    [
        ({"module": "credentials"}, "module", 400),
        ({"method": "BREW"}, "method", 400),
        ({"from": "NLTNM"}, "from", 400),
        ({"to": "x"}, "to", 400),
        ({"interface": "BOTH"}, "interface", 400),
        ({"module": "locations", "path": "/a"}, "path", 400),
        ({"module": "locations", "method": "GET", "path": "/a/b/c", "from": HUB}, HUB, 404),
        ({"more": 1}, "more", 400),
        ({"from": "XX/XXX"}, "XX/XXX", 404),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_question_that_makes_no_sense_is_refused_by_name(
    standing: tuple[Crowd, Path], wrong: Mapping[str, Any], field: str, status: int
) -> None:
    question = {"from": EMSP, "to": CPO, "module": "commands", "method": "POST", "path": "/STOP_SESSION"}
    got, problem = await asked(standing[0], question | wrong)
    assert got == status
    assert field in problem["detail"]


async def test_a_body_that_the_addressee_refuses_is_said_before(world: Crowd) -> None:
    broken = LOCATION | {"city": 7}
    path = "receiver/locations/BE/BEC/LOC1"
    found = await explained(world, CPO, "PUT", path, broken, EMSP)
    assert (found["refusal"], len(found["ways"])) == (None, 1)
    assert "/city" in found["notes"][0]
    await world.hub.platforms.arrange(name_of(EMSP), bad_bodies=BadBodies.REFUSE)
    found = await explained(world, CPO, "PUT", path, broken, EMSP)
    assert (found["refusal"]["status_code"], found["ways"]) == (2001, [])
    await world.hub.platforms.suspend(name_of(CPO))
    assert "403" in (await explained(world, CPO, "PUT", path, LOCATION, OTHER_EMSP))["notes"][-1]


async def test_a_body_that_was_forgotten_is_named(world: Crowd) -> None:
    """A request that may lack one is not blamed for it."""
    needed = await explained(world, EMSP, "POST", START, None, CPO)
    assert needed["refusal"]["http_status"] == 400
    assert "no body was given, and this request needs one" in needed["notes"]
    optional = await explained(world, CPO, "POST", "sender/tokens/X/authorize", None, EMSP)
    assert not any("no body" in note for note in optional["notes"])


async def test_the_agreement_that_lets_it_pass_is_named(tmp_path: Path) -> None:
    async with crowd(tmp_path, *EVERYBODY, policy=PolicyMode.AGREEMENTS) as world:
        signed = await world.agree(EMSP, CPO, "locations")
        found = await explained(world, EMSP, "GET", "sender/locations/LOC1", to=CPO)
        assert [way["agreement"] for way in found["ways"]] == [f"agreement {signed}"]
        for path, to in (("sender/locations/LOC1", OTHER_CPO), ("sender/sessions?limit=1", CPO)):
            found = await explained(world, EMSP, "GET", path, to=to)
            assert (found["refusal"]["status_code"], found["ways"]) == (4001, [])
            assert "no agreement" in found["notes"][0]
        assert (await world.sends(EMSP, "GET", "sender/locations/LOC1", to=OTHER_CPO)).code == 4001


async def test_what_is_known_of_a_platforms_quirks_is_acted_upon_and_shown(world: Crowd) -> None:
    await world.hub.platforms.arrange(name_of(CPO), quirks={Quirk.TRAILING_SLASH: EVERYWHERE})
    found = await explained(world, EMSP, "GET", "sender/locations/LOC1", to=CPO)
    (way,) = found["ways"]
    assert way["url"] == f"{world[CPO].url}/partner/2.2.1/sender/locations/LOC1/"
    assert [(each["name"], each["value"]) for each in way["quirks"]] == [("trailing-slash", "all")]
    await world.sends(EMSP, "GET", "sender/locations/LOC1", to=CPO)
    assert way["url"].endswith((await world[CPO].receives("GET", "/sender/locations/LOC1")).path)


async def test_the_command_tells_it_in_words_and_as_json(world: Crowd, tmp_path: Path) -> None:
    environment = {"OCPI_HUB_ADMIN_URL": world.hub.admin_url, "OCPI_HUB_ADMIN_KEY": world.hub.admin_key}
    body = tmp_path / "start.json"
    body.write_bytes(
        to_json({"location_id": "LOC1", "token": TOKEN, "response_url": f"{world[EMSP].url}/callbacks/1"})
    )
    command = (
        "route", "explain", "--from", EMSP, "--module", "commands", "--method", "POST",
        "--path", "/START_SESSION", "--body", str(body),
    )  # fmt: skip
    told = await run(*command, **environment)
    assert (told.code, told.err) == (0, "")
    url = f"{world[CPO].url}/partner/2.2.1/receiver/commands/START_SESSION"
    for words in (
        "owner of the location",
        f"POST {url}",
        "BE-BEC",
        "CONNECTED",
        "RT-49",
        "response_url becomes",
    ):
        assert words in told.out
    assert (await run(*command, "--json", **environment)).json["ways"][0]["url"] == url
    refused = await run(*command[:-2], **environment)
    assert (refused.code, "refused" in refused.out) == (0, True)
    missing = await run(*command[:-1], str(tmp_path / "none.json"), **environment)
    assert (missing.code, "none.json" in missing.err) == (2, True)
