"""Open routing: requests that name nobody in OCPI-to, and whom the hub finds (RT-44 to RT-51)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from hub.settings import PolicyMode
from hub.web.app import running_hub
from tests.fixtures.crowd import OTHER_CPO, Crowd, crowd, crowd_settings, name_of
from tests.fixtures.recorder import Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, OTHER_EMSP, TARIFF, TOKEN, joined

EVERYBODY = (CPO, OTHER_CPO, EMSP, OTHER_EMSP)
LATER = "2026-01-01T12:00:00Z"
ACCEPTED = Reply({"result": "ACCEPTED", "timeout": 30})
SESSION = {
    "country_code": "BE", "party_id": "BEC", "id": "S1", "kwh": 0.0,
    "start_date_time": "2026-01-01T10:00:00Z",
    "cdr_token": {
        "country_code": "NL", "party_id": "TNM", "uid": "012345678", "type": "RFID",
        "contract_id": "DE-ALL-C1",
    },
    "auth_method": "WHITELIST", "location_id": "LOC1", "evse_uid": "3256", "connector_id": "1",
    "currency": "EUR", "status": "ACTIVE", "last_updated": "2026-01-01T10:00:00Z",
}  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Crowd]:
    async with crowd(tmp_path, *EVERYBODY) as made:
        yield made


def command(world: Crowd, sender: str, **fields: Any) -> dict[str, Any]:
    """The body of a command."""
    return {"response_url": f"{world[sender].url}/callbacks/1", **fields}


async def reserves(world: Crowd, sender: str, to: str, reservation_id: str, reply: Reply = ACCEPTED) -> None:
    """A reservation at a CPO."""
    world[to].answers("POST", "/commands/RESERVE_NOW", reply)
    body = command(
        world,
        sender,
        token=TOKEN,
        expiry_date="2030-01-01T00:00:00Z",
        reservation_id=reservation_id,
        location_id="L",
    )
    answer = await world.sends(sender, "POST", "receiver/commands/RESERVE_NOW", body, to=to)
    assert answer.code == 1000


async def passes(world: Crowd, session: Any, emsp: str = EMSP) -> None:
    """A session that its CPO has told to the eMSP of its token."""
    cpo, token = f"{session['country_code']}/{session['party_id']}", session["cdr_token"]
    country_code, party_id = emsp.split("/")
    told = session | {"cdr_token": token | {"country_code": country_code, "party_id": party_id}}
    answer = await world.sends(cpo, "PUT", f"receiver/sessions/{cpo}/{session['id']}", told, to=emsp)
    assert answer.code == 1000


async def sets_profile(world: Crowd, sender: str, to: str, session_id: str, reply: Reply = ACCEPTED) -> None:
    """A charging profile for a session of a CPO."""
    world[to].answers("PUT", "/receiver/chargingprofiles", reply)
    body = command(world, sender, charging_profile={"charging_rate_unit": "W"})
    answer = await world.sends(sender, "PUT", f"receiver/chargingprofiles/{session_id}", body, to=to)
    assert answer.code == 1000


#: Who asks, how, and what; whom it must reach (RT-49).
LINES: list[tuple[str, str, str, Any, str]] = [
    (CPO, "PUT", "receiver/sessions/BE/BEC/S1", SESSION, EMSP),
    (CPO, "POST", "receiver/cdrs", {"id": "C1", "cdr_token": SESSION["cdr_token"]}, EMSP),
    (CPO, "POST", "sender/tokens/012345678/authorize", None, EMSP),
    (CPO, "POST", "sender/tokens/012345678/authorize?type=RFID", {"location_id": "LOC1"}, EMSP),
    (CPO, "POST", "sender/tokens/012345678/authorize?type=APP_USER", None, OTHER_EMSP),
    (EMSP, "GET", "sender/locations/LOC1", None, CPO),
    (EMSP, "GET", "sender/locations/loc1/3256", None, CPO),
    (EMSP, "GET", "sender/locations/LOC1/3256/1", None, CPO),
    (EMSP, "GET", "sender/locations/LOC2", None, OTHER_CPO),
    (EMSP, "POST", "receiver/commands/START_SESSION", {"token": TOKEN, "location_id": "LOC2"}, OTHER_CPO),
    (EMSP, "POST", "receiver/commands/RESERVE_NOW", {"reservation_id": "R2", "location_id": "LOC1"}, CPO),
    (EMSP, "POST", "receiver/commands/UNLOCK_CONNECTOR", {"location_id": "LOC2"}, OTHER_CPO),
    (EMSP, "POST", "receiver/commands/CANCEL_RESERVATION", {"reservation_id": "R1"}, OTHER_CPO),
    (CPO, "PUT", "sender/chargingprofiles/S1", {"start_date_time": LATER}, EMSP),
    (CPO, "PATCH", "receiver/sessions/BE/BEC/S1", {"kwh": 5, "last_updated": LATER}, EMSP),
    (CPO, "GET", "receiver/sessions/BE/BEC/s1", None, EMSP),
    (EMSP, "PUT", "sender/sessions/S1/charging_preferences", {"profile_type": "FAST"}, CPO),
    (EMSP, "POST", "receiver/commands/STOP_SESSION", {"session_id": "S1"}, CPO),
    (EMSP, "GET", "receiver/chargingprofiles/S1?duration=60&response_url=OWN", None, CPO),
    (EMSP, "PUT", "receiver/chargingprofiles/S1", {"charging_profile": {"charging_rate_unit": "W"}}, CPO),
    (EMSP, "DELETE", "receiver/chargingprofiles/S1?response_url=OWN", None, CPO),
]


@pytest.mark.holds("RT-12", "RT-44", "RT-45", "RT-46", "RT-49", "CHP-11", by="hub")
async def test_a_request_that_names_nobody_reaches_the_one_whom_its_content_means(
    world: Crowd, subtests: pytest.Subtests
) -> None:
    await world.has_location(CPO, "LOC1")
    await world.has_location(OTHER_CPO, "LOC2")
    await world.has_token(EMSP)
    await world.has_token(OTHER_EMSP, kind="APP_USER")
    await reserves(world, EMSP, OTHER_CPO, "R1")
    await sets_profile(world, EMSP, CPO, "S1")
    await passes(world, SESSION)
    await passes(world, SESSION | {"country_code": "FR", "party_id": "XYZ"}, OTHER_EMSP)
    for number, line in enumerate(LINES):
        with subtests.test(line=line):
            await check_whom_it_reaches(world, f"story-{number}", *line)


async def check_whom_it_reaches(
    world: Crowd, story: str, asker: str, method: str, path: str, value: Any, meant: str
) -> None:
    for recorder in world.partners.values():
        recorder.answers("*", path.partition("?")[0], Reply({"made": "up"}))
    if "/commands/" in path or (method, path) == ("PUT", "receiver/chargingprofiles/S1"):
        value = command(world, asker, **value)
    path = path.replace("OWN", f"{world[asker].url}/callbacks/1")
    ids = {"X-Request-ID": "asked", "X-Correlation-ID": story}
    answer = await world.sends(asker, method, path, value, headers=ids)

    stories = {
        party: [each for each in world.got(party) if each.correlation_id == story] for party in world.partners
    }
    assert {party: len(got) for party, got in stories.items() if got} == {meant: 1}
    (got,) = stories[meant]
    assert got.path == f"/partner/2.2.1/{path.partition('?')[0]}"
    if "response_url" not in path:
        assert got.query == path.partition("?")[2]
    assert (got.to, got.sender, got.request_id != "asked") == (meant, asker, True)
    if value is None:
        assert got.body == b""
    else:
        assert got.value == value | (
            {"response_url": got.value["response_url"]} if "response_url" in value else {}
        )
    assert (answer.status, answer.data) == (200, {"made": "up"})
    assert (answer.to, answer.sender) == (asker, meant)
    assert answer.headers["X-Request-ID"] == "asked"


@pytest.mark.holds("RT-50", "AM-28", by="hub")
@pytest.mark.parametrize(
    ("method", "path", "value"),
    [
        ("GET", "sender/locations/LOC1", None),
        ("GET", "sender/locations/LOC1/3256/1", None),
        ("POST", "receiver/commands/START_SESSION", {"token": TOKEN, "location_id": "LOC1"}),
    ],
)
async def test_an_id_of_two_owners_is_not_guessed(world: Crowd, method: str, path: str, value: Any) -> None:
    await world.has_location(CPO)
    await world.has_location(OTHER_CPO)
    body = None if value is None else command(world, EMSP, **value)
    answer = await world.sends(EMSP, method, path, body)
    assert (answer.status, answer.code) == (200, 2001)
    assert (answer.to, answer.sender) == (EMSP, HUB)
    assert world.got(CPO) == world.got(OTHER_CPO) == []


@pytest.mark.holds("RT-50", by="hub")
async def test_a_token_of_two_owners_is_not_guessed(world: Crowd) -> None:
    await world.has_token(EMSP)
    await world.has_token(OTHER_EMSP)
    answer = await world.sends(CPO, "POST", "sender/tokens/012345678/authorize")
    assert (answer.status, answer.code) == (200, 2001)
    assert world.got(EMSP) == world.got(OTHER_EMSP) == []


@pytest.mark.holds("RT-39", "RT-48", "AM-26", by="hub")
@pytest.mark.parametrize(
    "cdr_token",
    [
        None,
        "NL-TNM",
        {"contract_id": "NL-TNM-C1"},
        {"country_code": "NL", "party_id": "XXX", "contract_id": "NL-TNM-C1"},
        {"country_code": "NLD", "party_id": "TNM"},
        {"country_code": "FR", "party_id": "XYZ"},
        {"country_code": "NL", "party_id": None},
    ],
)
@pytest.mark.parametrize("is_crowded", [True, False])
async def test_a_session_or_cdr_without_the_token_of_somebody_here_goes_to_nobody(
    tmp_path: Path, cdr_token: Any, *, is_crowded: bool
) -> None:
    parties = EVERYBODY if is_crowded else (CPO, EMSP)
    async with crowd(tmp_path, *parties) as world:
        fields = {} if cdr_token is None else {"cdr_token": cdr_token}
        for method, path in (("POST", "receiver/cdrs"), ("PUT", "receiver/sessions/BE/BEC/S1")):
            answer = await world.sends(CPO, method, path, {"id": "S1"} | fields)
            assert (answer.status, answer.code, answer.sender) == (200, 4001, HUB)
        assert [world.got(party) for party in world.partners if party != CPO] == [[]] * (len(parties) - 1)


@pytest.mark.holds("RT-48", by="hub")
async def test_what_nobody_is_known_to_have_goes_to_the_only_one_who_can_have_it(tmp_path: Path) -> None:
    async with crowd(tmp_path, CPO, EMSP, OTHER_EMSP) as world, Recorder([("CPO", "FR", "XYZ")]) as other:
        world[CPO].answers("GET", "/sender/locations", Reply(status=404, status_code=2003))
        answer = await world.sends(EMSP, "GET", "sender/locations/LOC9")
        assert (answer.status, answer.code, answer.sender) == (404, 2003, CPO)
        await joined(world.hub, other, "other")
        answer = await world.sends(EMSP, "GET", "sender/locations/LOC9")
        assert (answer.status, answer.code, answer.sender) == (200, 4001, HUB)
        assert (len(world.got(CPO)), other.all("GET", "/sender/locations")) == (1, [])


@pytest.mark.holds("RT-14", "RT-18", by="hub")
async def test_whoever_is_meant_and_cannot_be_reached_is_not_replaced_by_another(world: Crowd) -> None:
    await world.has_location(CPO)
    await world[CPO].go_away()
    for _ in range(2):
        answer = await world.sends(EMSP, "GET", "sender/locations/LOC1")
        assert (answer.status, answer.code) == (200, 4003)
    assert world.got(OTHER_CPO) == []


PUSHES = [
    (CPO, "locations", "BE/BEC/LOC1", LOCATION, (EMSP, OTHER_EMSP)),
    (CPO, "tariffs", "BE/BEC/T1", TARIFF, (EMSP, OTHER_EMSP)),
    (EMSP, "tokens", "NL/TNM/012345678", TOKEN, (CPO, OTHER_CPO)),
]


@pytest.mark.holds("RT-35", "RT-45", "RT-47", "RT-49", by="hub")
@pytest.mark.parametrize(("sender", "module", "tail", "value", "receivers"), PUSHES)
async def test_what_is_for_everybody_goes_to_everybody_where_nobody_is_named(
    world: Crowd, sender: str, module: str, tail: str, value: Any, receivers: tuple[str, ...]
) -> None:
    path = f"receiver/{module}/{tail}"
    answer = await world.sends(sender, "PUT", path, value)
    assert (answer.status, answer.code, answer.to, answer.sender) == (201, 1000, sender, HUB)
    change = ("DELETE", None) if module == "tariffs" else ("PATCH", {"last_updated": LATER})
    for receiver in receivers:
        got = await world[receiver].receives("PUT", f"/{path}")
        assert (got.to, got.sender, got.value) == (receiver, HUB, value)
    assert (await world.sends(sender, change[0], path, change[1])).code == 1000
    for receiver in receivers:
        await world[receiver].receives(change[0], f"/{path}")
    for other in set(world.partners) - set(receivers):
        assert world[other].all("*", f"/{path}") == []


@pytest.mark.holds("RT-38", "RT-48", by="hub")
async def test_reading_ones_own_object_elsewhere_without_a_name_needs_an_only_reader(tmp_path: Path) -> None:
    async with crowd(tmp_path, CPO, EMSP) as world, Recorder([("EMSP", "DE", "ALL")]) as other:
        world[EMSP].answers("GET", "/receiver/", Reply({"id": "LOC1"}))
        answer = await world.sends(CPO, "GET", "receiver/locations/BE/BEC/LOC1")
        assert (answer.data, answer.sender) == ({"id": "LOC1"}, EMSP)
        await joined(world.hub, other, "other")
        answer = await world.sends(CPO, "GET", "receiver/locations/BE/BEC/LOC1")
        assert (answer.status, answer.code) == (200, 2001)
        assert (len(world.got(EMSP)), other.all("GET", "/receiver/locations")) == (1, [])


@pytest.mark.holds("RT-45", "RT-56", by="hub")
@pytest.mark.parametrize("module", ["locations", "tariffs", "sessions", "cdrs"])
async def test_a_list_is_asked_of_somebody(world: Crowd, module: str) -> None:
    answer = await world.sends(EMSP, "GET", f"sender/{module}?date_from=2026-01-01T00:00:00Z")
    assert (answer.status, answer.code) == (200, 2001)
    assert world.got(CPO) == world.got(OTHER_CPO) == []


@pytest.mark.holds("RT-55", "AM-42", by="hub")
async def test_what_was_sent_to_one_party_tells_others_nothing(world: Crowd) -> None:
    path = "receiver/locations/BE/BEC/LOC1"
    assert (await world.sends(CPO, "PUT", path, LOCATION, to=EMSP)).code == 1000
    for asker in (EMSP, OTHER_EMSP):
        answer = await world.sends(asker, "GET", "sender/locations/LOC1")
        assert (answer.status, answer.code, answer.sender) == (200, 4001, HUB)
        listed = await world.sends(asker, "GET", "sender/locations", to=HUB)
        assert (listed.code, listed.data) == (1000, [])
    assert world.got(OTHER_EMSP) == []


# What is learnt from requests that were accepted.


@pytest.mark.holds("RT-49", by="hub")
async def test_only_a_reservation_that_was_accepted_is_remembered_and_only_for_its_sender(
    world: Crowd,
) -> None:
    await reserves(world, EMSP, CPO, "R1", Reply({"result": "REJECTED", "timeout": 30}))
    await reserves(world, EMSP, CPO, "R2")
    path = "receiver/commands/CANCEL_RESERVATION"
    for asker, reservation_id, code in ((EMSP, "R1", 4001), (OTHER_EMSP, "R2", 4001), (EMSP, "r2", 1000)):
        body = command(world, asker, reservation_id=reservation_id)
        assert (await world.sends(asker, "POST", path, body)).code == code, (asker, reservation_id)
    assert len(world.got(CPO, "CANCEL_RESERVATION")) == 1
    assert world.got(OTHER_CPO) == []


@pytest.mark.holds("RT-50", by="hub")
async def test_a_reservation_id_that_was_used_at_two_cpos_is_not_guessed(world: Crowd) -> None:
    await reserves(world, EMSP, CPO, "R1")
    await reserves(world, EMSP, OTHER_CPO, "R1")
    body = command(world, EMSP, reservation_id="R1")
    answer = await world.sends(EMSP, "POST", "receiver/commands/CANCEL_RESERVATION", body)
    assert (answer.status, answer.code) == (200, 2001)


@pytest.mark.holds("RT-49", "CHP-11", by="hub")
async def test_what_was_learnt_outlives_a_restart(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with running_hub(crowd_settings(tmp_path), log=None) as hub:
            partners = {
                party: await joined(
                    hub,
                    await stack.enter_async_context(Recorder([(role, *party.split("/"))])),
                    name_of(party),
                )
                for party, role in ((CPO, "CPO"), (OTHER_CPO, "CPO"), (EMSP, "EMSP"), (OTHER_EMSP, "EMSP"))
            }
            world = Crowd(hub, partners)
            await reserves(world, EMSP, OTHER_CPO, "R1")
            await sets_profile(world, EMSP, CPO, "S1")
            await sets_profile(world, OTHER_EMSP, CPO, "S1")
        async with running_hub(crowd_settings(tmp_path), log=None) as hub:
            world = Crowd(hub, partners)
            body = command(world, EMSP, reservation_id="R1")
            answer = await world.sends(EMSP, "POST", "receiver/commands/CANCEL_RESERVATION", body)
            assert (answer.code, answer.sender) == (1000, OTHER_CPO)
            answer = await world.sends(CPO, "PUT", "sender/chargingprofiles/S1", {"start_date_time": LATER})
            assert (answer.code, answer.sender) == (1000, OTHER_EMSP)
            assert world.got(EMSP, "/sender/chargingprofiles") == []


@pytest.mark.holds("CHP-11", by="hub")
async def test_the_profile_of_a_session_for_which_nobody_set_one_goes_to_nobody(tmp_path: Path) -> None:
    async with crowd(tmp_path, CPO, EMSP) as world:
        await sets_profile(world, EMSP, CPO, "S1", Reply({"result": "REJECTED", "timeout": 30}))
        answer = await world.sends(CPO, "PUT", "sender/chargingprofiles/S1", {"start_date_time": LATER})
        assert (answer.status, answer.code) == (200, 4001)
        assert world.got(EMSP) == []


@pytest.mark.holds("RT-49", "RT-50", by="hub")
async def test_a_session_is_looked_for_among_those_of_the_asker(world: Crowd) -> None:
    await passes(world, SESSION)
    await passes(world, SESSION | {"country_code": "FR", "party_id": "XYZ"}, OTHER_EMSP)
    path = "sender/sessions/S1/charging_preferences"
    for asker, owner in ((EMSP, CPO), (OTHER_EMSP, OTHER_CPO)):
        assert (await world.sends(asker, "PUT", path, {"profile_type": "FAST"})).sender == owner
    for cpo, emsp in ((CPO, EMSP), (OTHER_CPO, OTHER_EMSP)):
        change = {"kwh": 7, "last_updated": LATER}
        assert (await world.sends(cpo, "PATCH", f"receiver/sessions/{cpo}/S1", change)).sender == emsp
        answer = await world.sends(cpo, "PATCH", f"receiver/sessions/{cpo}/S2", change)
        assert (answer.status, answer.code, answer.sender) == (200, 4001, HUB)

    # Another CPO gives a session of this eMSP the same id.
    newer = {"country_code": "FR", "party_id": "XYZ", "last_updated": "2026-01-01T13:00:00Z"}
    await passes(world, SESSION | newer)
    before = {party: len(world.got(party)) for party in world.partners}
    answer = await world.sends(EMSP, "PUT", path, {"profile_type": "FAST"})
    assert (answer.status, answer.code) == (200, 2001)
    assert {party: len(world.got(party)) for party in world.partners} == before


@pytest.mark.holds("RT-49", by="hub")
async def test_a_session_that_has_just_passed_is_known(world: Crowd) -> None:
    for number in range(20):
        await passes(world, SESSION | {"id": f"S{number}"})
        change = {"kwh": 1, "last_updated": LATER}
        answer = await world.sends(CPO, "PATCH", f"receiver/sessions/BE/BEC/S{number}", change)
        assert (answer.code, answer.sender) == (1000, EMSP)


# Under agreements.


@pytest.mark.holds("RT-49", "RT-50", "RT-51", by="hub")
async def test_whoever_has_no_agreement_with_the_asker_is_not_meant(tmp_path: Path) -> None:
    async with crowd(tmp_path, *EVERYBODY, policy=PolicyMode.AGREEMENTS) as world:
        for cpo in (CPO, OTHER_CPO):
            await world.has_location(cpo, "LOC1")
        await world.has_location(CPO, "LOC2")
        await world.agree(EMSP, OTHER_CPO)
        assert (await world.sends(EMSP, "GET", "sender/locations/LOC1")).sender == OTHER_CPO
        assert len(world.got(OTHER_CPO)) == 1
        # This one is known, too, but not of anybody who may be asked.
        answer = await world.sends(EMSP, "GET", "sender/locations/LOC2")
        assert (answer.status, answer.code) == (200, 4001)

        # The eMSP is in agreement with the other CPO, and nobody with this one.
        authorize = "sender/tokens/STRANGE/authorize"
        assert (await world.sends(CPO, "POST", authorize)).code == 4001
        assert (await world.sends(OTHER_CPO, "POST", authorize)).sender == EMSP
        cdr = {"id": "C1", "cdr_token": SESSION["cdr_token"]}
        assert (await world.sends(CPO, "POST", "receiver/cdrs", cdr)).code == 4001
        assert (await world.sends(OTHER_CPO, "POST", "receiver/cdrs", cdr)).code == 1000
        assert (world.got(CPO), world.got(OTHER_EMSP), len(world.got(EMSP))) == ([], [], 2)
