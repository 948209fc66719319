"""Two eMSP parties on one platform: each has its own tokens, copies, drivers and bills (CR-20, RT-34)."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.ocpi.party import Party
from partners.configuration_file import SettingsWrong
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.provider import Provider
from partners.emsp.settings import EmspSettings, emsp_settings
from partners.settings import NamedParty, NodeSettings
from tests.fixtures.emsp_world import RFID, World, emsp_world, response_url
from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.samples import T1, cdr, cdr_token, location, session, tariff

A, B = "NL/EMA", "NL/EMB"
PARTY_B = Party("NL", "EMB")
SESSION = "sessions/receiver/BE/BEC/S1"
LOCATION = "locations/receiver/BE/BEC/LOC1"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    more = {"more_parties": (NamedParty(PARTY_B, "eMSP B"),)}
    theirs = {"more_tokens": {PARTY_B: [(RFID, EVERYWHERE), ({"uid": "only-b"}, EVERYWHERE)]}}
    async with emsp_world(settings=more, emsp=theirs) as world:
        yield world


def both(world: World) -> tuple[Provider, Provider]:
    first, second = world.node.providers.values()
    return first, second


def of_b(**changes: Any) -> dict[str, Any]:
    return cdr_token(party_id="EMB", **changes)


@pytest.mark.holds("CR-19", "CR-20", "CR-24", "VE-06", by="emsp")
async def test_both_are_in_the_credentials_behind_one_versions_url(world: World) -> None:
    await world.node.node.update_credentials()
    told = world.hub.all("PUT", "/credentials")[-1].value
    assert told["url"] == world.node.versions_url
    assert [(each["role"], each["party_id"], each["business_details"]["name"]) for each in told["roles"]] == [
        ("EMSP", "EMA", "eMSP A"),
        ("EMSP", "EMB", "eMSP B"),
    ]


@pytest.mark.holds("RT-07", "CR-20", by="emsp")
@pytest.mark.parametrize(("to", "uids"), [(A, ["04A1B2C3", "app-1"]), (B, ["04A1B2C3", "only-b"])])
async def test_who_is_asked_answers_for_itself(world: World, to: str, uids: list[str]) -> None:
    answer = await world.call("GET", "tokens/sender", to=to)
    assert [each["uid"] for each in answer.data] == uids
    assert {f"{each['country_code']}/{each['party_id']}" for each in answer.data} == {to}
    assert (answer.to, answer.sender) == ("BE/BEC", to)
    assert answer.headers["X-Total-Count"] == "2"


@pytest.mark.holds("RT-05", "AM-03", by="emsp")
async def test_who_is_meant_has_to_be_said(world: World) -> None:
    for to in (None, "NL/EMC"):
        answer = await world.call("PUT", LOCATION, location(), to=to)
        assert (answer.status, answer.code) == (200, 2001)
        assert "OCPI-to" in answer.envelope["status_message"]
    assert [each.places.all() for each in both(world)] == [[], []]


@pytest.mark.parametrize("path", ["/{uid}/authorize"])
async def test_a_token_is_authorized_by_its_own_party(world: World, path: str) -> None:
    url = "tokens/sender" + path.format(uid="only-b")
    assert (await world.call("POST", url, to=A)).status == 404
    answer = await world.call("POST", url, to=B)
    assert (answer.data["allowed"], answer.data["token"]["party_id"]) == ("ALLOWED", "EMB")


async def test_what_was_sent_to_one_the_other_does_not_have(world: World) -> None:
    """A tariff may be made for one eMSP alone."""
    first, second = both(world)
    await world.call("PUT", LOCATION, location(name="For A"), to=A)
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff(), to=A)
    assert (await world.call("GET", LOCATION, to=B)).status == 404
    assert second.places.all() == []
    assert (await world.call("PUT", LOCATION, location(name="For B"), to=B)).status == 201
    assert [[each.name for each in party.places.all()] for party in (first, second)] == [["For A"], ["For B"]]
    connector = second.places.all()[0].evses[0].connectors[0]
    assert [len(each.places.tariffs(connector, Party("BE", "BEC"))) for each in (first, second)] == [1, 0]
    assert (await world.call("DELETE", "tariffs/receiver/BE/BEC/T1", to=B)).status == 404


@pytest.mark.holds("AM-26", by="emsp")
async def test_sessions_and_cdrs_are_of_the_party_of_their_token(world: World) -> None:
    first, second = both(world)
    assert (await world.call("PUT", SESSION, session(), to=B)).code == 2001
    assert (await world.call("PUT", SESSION, session(), to=A)).status == 201
    theirs = session(cdr_token=of_b(), kwh=Decimal(7))
    assert (await world.call("PUT", SESSION, theirs, to=B)).status == 201
    assert [[each.kwh for each in party.sessions.all()] for party in (first, second)] == [
        [Decimal("1.5")],
        [Decimal(7)],
    ]
    mine = await world.call("POST", "cdrs/receiver", cdr(), to=A)
    other = await world.call("POST", "cdrs/receiver", cdr(cdr_token=of_b()), to=B)
    assert [mine.status, other.status] == [201, 201]
    assert [len(each.bills()) for each in (first, second)] == [1, 1]
    there = await world.hub.call("GET", other.headers["Location"], to=B, sender="BE/BEC")
    assert there.data["cdr_token"]["party_id"] == "EMB"


async def test_commands_go_out_and_results_come_in_for_the_party_that_asked(world: World) -> None:
    first, second = both(world)
    await world.call("PUT", LOCATION, location(), to=B)
    answers: list[Answered] = world.later("/receiver/commands/", timeout=0)
    await second.driver.start("only-b", "LOC1")
    (post,) = world.hub.all("POST", "/receiver/commands/")
    assert (post.sender, post.value["token"]["party_id"]) == (B, "EMB")
    assert answers == []
    url = response_url(post)
    result = {"result": "ACCEPTED"}
    assert (await world.hub.call("POST", url, result, to=A, sender="BE/BEC")).status == 404
    assert (await world.hub.call("POST", url, result, to=B, sender="BE/BEC")).code == 1000
    assert first.commands.all() == []
    assert [each.result for each in second.commands.all()] == ["ACCEPTED"]


async def test_profiles_are_of_the_party_of_the_session(world: World) -> None:
    first, second = both(world)
    await world.call("PUT", SESSION, session(cdr_token=of_b()), to=B)
    active = {
        "start_date_time": T1,
        "charging_profile": {
            "charging_rate_unit": "W",
            "charging_profile_period": [{"start_period": 0, "limit": 1}],
        },
    }
    assert (await world.call("PUT", "chargingprofiles/sender/S1", active, to=A)).status == 404
    assert (await world.call("PUT", "chargingprofiles/sender/S1", active, to=B)).code == 1000
    (found,) = second.sessions.all()
    assert second.profiles.known(found) is not None
    assert first.profiles.known(found) is None


async def test_both_push_and_pull_in_their_own_name(world: World) -> None:
    await world.hub_tells("BE/BEC")
    world.lists("sessions", session(), session(id="S2", cdr_token=of_b()))
    assert await world.node.push_tokens() == 4
    assert [each.sender for each in world.hub.all("PUT", "/receiver/tokens")] == [A, A, B, B]
    pulled = await world.node.pull()
    assert [each.sender for each in world.hub.all("GET", "/sender/sessions")] == [A, B]
    assert pulled["sessions of BE/BEC for NL/EMB"].kept == 1
    assert [[each.id for each in party.sessions.all()] for party in both(world)] == [["S1"], ["S2"]]


async def test_the_nodes_own_api_answers_for_the_party_that_is_named(world: World) -> None:
    await world.call("PUT", LOCATION, location(), to=B)
    bearer = {"Authorization": f"Bearer {world.node.admin_key}"}

    async def asked(query: str, path: str = "/locations") -> Answered:
        return await world.hub.call("GET", f"{world.node.admin_url}/node{path}{query}", headers=bearer)

    assert (await asked("")).envelope == []
    assert len((await asked("?party=NL/EMB")).envelope) == 1
    assert (await asked("?party=NL/EMB&token=app-1")).status == 409
    for nobody in ("NL/EMC", "nonsense"):
        refused = await asked(f"?party={nobody}")
        assert refused.status == 409
        assert "NL/EMA, NL/EMB" in refused.envelope["error"]


async def test_what_is_whose_survives_another_order_of_the_parties(tmp_path: Path) -> None:
    names = (NamedParty(Party("NL", "EMA"), "eMSP A"), NamedParty(PARTY_B, "eMSP B"))
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        for first, second in (names, names[::-1]):
            own = NodeSettings(
                party=first.party, name=first.name, more_parties=(second,), database=tmp_path / "emsp.sqlite"
            )
            async with EmspNode(EmspSettings(node=own)) as node:
                if first is names[0]:
                    await hub.register(node.versions_url, node.issue_token_a())
                    url = f"{node.url}/ocpi/2.2.1/{LOCATION}"
                    assert (await hub.call("PUT", url, location(), to=B, sender="BE/BEC")).status == 201
                held = {str(party): len(provider.places.all()) for party, provider in node.providers.items()}
                assert held == {A: 0, B: 1}


NODE = '[node]\nparty = "NL/EMA"\nname = "A"\n'
TWO = NODE + '[[parties]]\nparty = "nl/emb"\nname = "B"\n'


def test_parties_and_their_tokens_are_configured(tmp_path: Path) -> None:
    file = tmp_path / "emsp.toml"
    file.write_text(
        TWO + '[[tokens]]\nuid = "1"\n[[tokens]]\nuid = "2"\nparty = "NL/EMB"\nallowed = "NO_CREDIT"\n'
    )
    settings = emsp_settings(file)
    assert [str(party) for party, _ in settings.node.parties] == [A, B]
    assert [fields["uid"] for fields, _ in settings.tokens] == ["1"]
    assert [(fields, str(known.allowed)) for fields, known in settings.more_tokens[PARTY_B]] == [
        ({"uid": "2"}, "NO_CREDIT")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TWO + '[[parties]]\nparty = "NL/EMA"\nname = "C"\n', "parties: a party is there twice"),
        (
            TWO + '[[tokens]]\nuid = "1"\nparty = "NL/EMC"\n',
            "tokens[0].party: expected one of NL/EMA, NL/EMB",
        ),
        (NODE + '[[parties]]\nparty = "NL/EMB"\n', "parties[0].name: missing"),
        (NODE + '[[parties]]\nparty = "Netherlands"\nname = "B"\n', "parties[0].party: expected a party"),
        (NODE + '[parties]\nparty = "NL/EMB"\n', "parties: expected tables [[parties]]"),
    ],
)
def test_what_is_wrong_with_parties_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "emsp.toml"
    file.write_text(text)
    with pytest.raises(SettingsWrong) as wrong:
        emsp_settings(file)
    assert said in str(wrong.value)
