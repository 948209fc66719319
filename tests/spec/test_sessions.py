"""Sessions through the hub: relayed as they are, and kept for their two parties (2.2.1, chapter Sessions)."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.web.app import running_hub
from tests.fixtures.lists import listed, listed_soon
from tests.fixtures.recorder import Answered, Recorder, Reply, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, OTHER_EMSP, Roaming, joined, settings
from tests.fixtures.samples import T0, T1, T2, cdr_token, period, session

OTHER_CPO = "FR/CPO"


def of(party: str, **changes: Any) -> dict[str, Any]:
    """A session for a token of this party."""
    country_code, party_id = party.split("/")
    token = cdr_token(country_code=country_code, party_id=party_id)
    return session(**({"cdr_token": token} | changes))


async def push(
    world: Roaming, method: str, value: Any, *, name: str = "S1", to: str = EMSP, tail: str = ""
) -> Answered:
    """A session from the CPO to a party."""
    url = world.url("sessions", "RECEIVER", f"/{CPO}/{name}{tail}")
    return await world.cpo.call(method, url, value, to=to, sender=CPO)


async def kept(world: Roaming, count: int = 1, party: str = EMSP) -> list[Any]:
    """The sessions that the hub shows a party, once there are so many."""
    asker = world.cpo if party == CPO else world.emsp
    return await listed_soon(world, asker, party, "sessions", lambda found: len(found) == count)


async def kept_as(world: Roaming, **fields: Any) -> dict[str, Any]:
    """The one session that the hub keeps, once it says that."""

    def is_right(found: list[Any]) -> bool:
        return any(fields.items() <= each.items() for each in found)

    [found] = await listed_soon(world, world.emsp, EMSP, "sessions", is_right)
    assert isinstance(found, dict)
    return found


@pytest.mark.holds("SES-01", "RT-24", "RT-25", by="hub")
@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", b'{ "id":"S1","x_new":{"a":1.50},"kwh":2.500,"last_updated":"2026-01-01T10:00:00.100Z" }'),
        ("PATCH", b'{"kwh":1e1, "total_cost":{"excl_vat":0.00}, "status":"NEWLY_INVENTED"}'),
    ],
)
async def test_a_session_goes_on_byte_for_byte(world: Roaming, method: str, body: bytes) -> None:
    url = world.url("sessions", "RECEIVER", "/be/bec/S1")
    answer = await world.cpo.call(method, url, body=body, to=EMSP, sender=CPO)
    assert (answer.code, answer.to, answer.sender) == (1000, CPO, EMSP)
    got = await world.emsp.receives(method, "/receiver/sessions/be/bec/S1")
    assert (got.body, got.to, got.sender) == (body, EMSP, CPO)


@pytest.mark.holds("SES-08", by="hub")
@pytest.mark.parametrize(
    "change", [{"country_code": "NL"}, {"party_id": "XXX"}, {"id": "S2"}], ids=["country", "party", "id"]
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_codes_in_url_and_body_are_the_same(
    world: Roaming, method: str, change: dict[str, str]
) -> None:
    answer = await push(world, method, of(EMSP, **change))
    assert (answer.status, answer.code) == (200, 2001)
    assert world.emsp.all(method, "/receiver/sessions") == []


@pytest.mark.holds("SES-08", by="hub")
async def test_the_codes_in_the_url_are_the_senders(world: Roaming) -> None:
    url = world.url("sessions", "RECEIVER", "/NL/TNM/S1")
    value = of(EMSP, country_code="NL", party_id="TNM")
    assert (await world.cpo.call("PUT", url, value, to=EMSP, sender=CPO)).code == 2001
    assert world.emsp.all("PUT", "/receiver/sessions") == []


@pytest.mark.holds("SES-06", "SES-09", "SES-15", "SES-18", by="hub")
@pytest.mark.parametrize(
    ("who", "method", "side", "tail", "status"),
    [
        ("cpo", "PATCH", "RECEIVER", "/BE/BEC/S1/charging_periods", 404),
        ("cpo", "POST", "RECEIVER", "/BE/BEC/S1", 405),
        ("cpo", "POST", "RECEIVER", "", 404),
        ("cpo", "DELETE", "RECEIVER", "/BE/BEC/S1", 405),
        ("cpo", "GET", "RECEIVER", "", 404),
        ("emsp", "PUT", "SENDER", "/S1", 404),
        ("emsp", "POST", "SENDER", "/S1/charging_preferences", 405),
        ("emsp", "GET", "SENDER", "/S1", 404),
        ("emsp", "DELETE", "SENDER", "", 405),
    ],
)
async def test_what_sessions_do_not_have_stops_at_the_hub(
    world: Roaming, who: str, method: str, side: str, tail: str, status: int
) -> None:
    caller, other = (world.cpo, EMSP) if who == "cpo" else (world.emsp, CPO)
    answer = await caller.call(method, world.url("sessions", side, tail), {"kwh": 1}, to=other)
    assert answer.status == status
    assert world.cpo.all("*", "/sessions") == world.emsp.all("*", "/sessions") == []


@pytest.mark.holds("SES-15", "SES-16", by="hub")
@pytest.mark.parametrize(
    "reply",
    [
        Reply("ACCEPTED"),
        Reply("DEPARTURE_REQUIRED"),
        Reply(status=404, status_code=2001, status_message="not capable"),
    ],
)
async def test_charging_preferences_are_asked_of_the_cpo(world: Roaming, reply: Reply) -> None:
    world.cpo.answers("PUT", "/sender/sessions/S%2F1/charging_preferences", reply)
    url = world.url("sessions", "SENDER", "/S%2F1/charging_preferences")
    value = {"profile_type": "FAST", "departure_time": T2}
    answer = await world.emsp.call("PUT", url, value, to=CPO, sender=EMSP)
    assert (answer.status, answer.code, answer.sender) == (reply.status, reply.status_code, CPO)
    assert answer.envelope.get("data") == (reply.data if reply.status_code == 1000 else None)
    assert (await world.cpo.receives("PUT", "/charging_preferences")).value == value


@pytest.mark.holds("SES-18", by="hub")
async def test_a_cpo_reads_at_the_emsp_what_it_sent(world: Roaming) -> None:
    world.emsp.answers("GET", "/receiver/sessions/BE/BEC/S1", Reply(of(EMSP)))
    url = world.url("sessions", "RECEIVER", "/BE/BEC/S1")
    assert (await world.cpo.call("GET", url, to=EMSP, sender=CPO)).data == of(EMSP)


# What the hub keeps.


@pytest.mark.holds("RT-52", "RT-53", "RT-54", "SES-02", by="hub")
async def test_get_all_shows_a_session_to_its_two_parties_and_to_nobody_else(
    world: Roaming, stack: AsyncExitStack
) -> None:
    other_emsp = await stack.enter_async_context(Recorder([("EMSP", *OTHER_EMSP.split("/"))]))
    other_cpo = await stack.enter_async_context(Recorder([("CPO", *OTHER_CPO.split("/"))]))
    await joined(world.hub, other_emsp, "other-emsp")
    await joined(world.hub, other_cpo, "other-cpo")
    body = to_json(of(EMSP, x_new=1))
    url = world.url("sessions", "RECEIVER", "/BE/BEC/S1")
    assert (await world.cpo.call("PUT", url, body=body, to=EMSP, sender=CPO)).code == 1000
    assert (await push(world, "PUT", of(OTHER_EMSP, id="S2"), name="S2", to=OTHER_EMSP)).code == 1000
    theirs = of(EMSP, country_code="FR", party_id="CPO")
    url = world.url("sessions", "RECEIVER", "/FR/CPO/S1")
    assert (await other_cpo.call("PUT", url, theirs, to=EMSP, sender=OTHER_CPO)).code == 1000
    assert await kept(world, 2) == [of(EMSP, x_new=1), theirs]
    assert await kept(world, 2, CPO) == [of(EMSP, x_new=1), of(OTHER_EMSP, id="S2")]
    assert await listed(world, other_emsp, OTHER_EMSP, "sessions") == [of(OTHER_EMSP, id="S2")]
    assert await listed(world, other_cpo, OTHER_CPO, "sessions") == [theirs]
    whole = await world.emsp.call("GET", world.url("sessions", "SENDER"), to=HUB, sender=EMSP)
    assert body in whole.body


@pytest.mark.holds("RT-12", "RT-54", by="hub")
async def test_a_party_with_two_platforms_sees_on_each_what_its_role_there_sees(
    world: Roaming, stack: AsyncExitStack
) -> None:
    as_emsp = await stack.enter_async_context(Recorder([("EMSP", *CPO.split("/"))]))
    await joined(world.hub, as_emsp, "the-cpo-as-emsp")
    await push(world, "PUT", of(EMSP))
    await kept(world)
    assert await listed(world, as_emsp, CPO, "sessions") == []
    assert len(await listed(world, world.cpo, CPO, "sessions")) == 1


@pytest.mark.holds("SES-03", "SES-04", "SES-07", by="hub")
async def test_what_is_kept_is_the_newest_whole_state(world: Roaming) -> None:
    first, second = period(T0, ENERGY="1"), period(T1, ENERGY="2")
    await push(world, "PUT", of(EMSP, charging_periods=[first]))
    await push(world, "PATCH", {"kwh": 3, "charging_periods": [second], "last_updated": T1})
    await push(world, "PATCH", {"charging_periods": [], "status": "COMPLETED", "last_updated": T1})
    found = await kept_as(world, status="COMPLETED")
    assert found == of(EMSP, kwh=3, status="COMPLETED", charging_periods=[first, second], last_updated=T1)
    await push(world, "PATCH", {"kwh": 9, "last_updated": T0})
    await push(world, "PATCH", {"kwh": 10})
    await push(world, "PUT", {**of(EMSP, last_updated=T2), "charging_periods": []})
    assert (await kept_as(world, last_updated=T2))["charging_periods"] == []
    for patch in world.emsp.all("PATCH", "/receiver/sessions"):
        assert patch.body


async def test_what_the_receiver_refuses_is_not_kept(world: Roaming) -> None:
    refusals = (
        Reply(status_code=2001),
        Reply(status=404, status_code=2003),
        Reply(status=500, status_code=1000),
        Reply(status_code=3000),
    )
    for number, reply in enumerate(refusals):
        world.emsp.answers("PUT", "/receiver/sessions", reply, times=1)
        await push(world, "PUT", of(EMSP, id=f"R{number}"), name=f"R{number}")
    await push(world, "PATCH", {"kwh": 1, "last_updated": T1}, name="NEVER-SEEN")
    await push(world, "PUT", of(EMSP))
    assert [each["id"] for each in await kept(world)] == ["S1"]


@pytest.mark.holds("PG-08", "PG-11", "PG-18", "RT-57", by="hub")
async def test_get_all_filters_by_the_owners_time_and_keeps_its_order(world: Roaming) -> None:
    times = {"A": T2, "B": T0, "C": T1}
    for name, updated in times.items():
        await push(world, "PUT", of(EMSP, id=name, last_updated=updated), name=name)
    await kept(world, 3)
    for query, expected in (
        ("", "ABC"),
        ("?limit=1", "ABC"),
        (f"?date_from={T1}", "AC"),
        (f"?date_to={T1}", "B"),
        (f"?date_from={T0}&date_to={T2}&limit=1", "BC"),
        ("?date_from=2027-01-01T00:00:00Z", ""),
    ):
        found = await listed(world, world.emsp, EMSP, "sessions", query)
        assert "".join(each["id"] for each in found) == expected, query
    await push(world, "PUT", of(EMSP, id="A", last_updated="2026-06-01T00:00:00Z"), name="A")
    await push(world, "PUT", of(EMSP, id="D"), name="D")
    assert [each["id"] for each in await kept(world, 4)] == ["A", "B", "C", "D"]


@pytest.mark.holds("AM-26", by="hub")
async def test_a_session_for_another_emsp_than_that_of_its_token_is_a_finding(
    world: Roaming, stack: AsyncExitStack
) -> None:
    other = await stack.enter_async_context(Recorder([("EMSP", *OTHER_EMSP.split("/"))]))
    await joined(world.hub, other, "other")
    ids = {"X-Correlation-ID": "odd"}
    url = world.url("sessions", "RECEIVER", "/BE/BEC/S1")
    answer = await world.cpo.call("PUT", url, of(OTHER_EMSP), to=EMSP, sender=CPO, headers=ids)
    assert answer.code == 1000
    [entry] = world.noted("odd")
    assert entry.note == f"/cdr_token: the token is of {OTHER_EMSP}, the message is for {EMSP}"
    await push(world, "PUT", of(EMSP, id="S2"), name="S2")
    assert [each["id"] for each in await kept(world, 1, CPO)] == ["S2"]
    assert await listed(world, other, OTHER_EMSP, "sessions") == []


async def test_an_scsp_may_be_told_of_sessions_which_stay_the_emsps(
    world: Roaming, stack: AsyncExitStack
) -> None:
    """SES, module roles: the same PATCH to both appends its periods once."""
    scsp = await stack.enter_async_context(Recorder([("SCSP", *OTHER_EMSP.split("/"))]))
    await joined(world.hub, scsp, "scsp")
    for to in (EMSP, OTHER_EMSP):
        await push(world, "PUT", of(EMSP, charging_periods=[]), to=to)
    for to in (EMSP, OTHER_EMSP):
        change = {"charging_periods": [period(ENERGY="1")], "status": "COMPLETED", "last_updated": T1}
        assert (await push(world, "PATCH", change, to=to)).code == 1000
    await push(world, "PUT", of(EMSP, id="S2"), name="S2")
    found = await kept(world, 2)
    assert found[0]["charging_periods"] == [period(ENERGY="1")]
    assert await listed(world, scsp, OTHER_EMSP, "sessions") == []
    assert not [entry.note for entry in world.journal if "cdr_token" in entry.note]


async def test_what_is_kept_outlives_a_restart_but_not_its_time(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        cpo = await stack.enter_async_context(Recorder([("CPO", *CPO.split("/"))]))
        emsp = await stack.enter_async_context(Recorder([("EMSP", *EMSP.split("/"))]))
        async with running_hub(settings(tmp_path), log=None) as hub:
            world = Roaming(hub, await joined(hub, cpo, "cpo"), await joined(hub, emsp, "emsp"), [])
            # What waits when the hub is told to stop is written first.
            await asyncio.gather(*(push(world, "PUT", of(EMSP, id=f"S{n}"), name=f"S{n}") for n in range(20)))
        async with running_hub(settings(tmp_path), log=None) as hub:
            assert len(await listed(Roaming(hub, cpo, emsp, []), emsp, EMSP, "sessions")) == 20
        usual = settings(tmp_path)
        forgetful = replace(usual, limits=replace(usual.limits, kept=timedelta(0)))
        async with running_hub(forgetful, log=None) as hub:
            assert (
                await listed_soon(
                    Roaming(hub, cpo, emsp, []), emsp, EMSP, "sessions", lambda found: not found
                )
                == []
            )
