"""A request like one before is replayed: what arrives, comes back and is written down stays the same."""

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from hub.calling.circuits import FAILURES
from hub.directory.directory import BadBodies
from hub.ocpi.party import Party
from hub.settings import PolicyMode
from hub.store.journal import JournalEntry
from hub.web.app import running_hub
from schemas import exact_json
from tests.fixtures.admin_hub import asked
from tests.fixtures.clocks import Clock, RunningClock
from tests.fixtures.databases import database_in, rows_in
from tests.fixtures.lists import listed_soon
from tests.fixtures.raw_server import Behaviour, RawServer, Talk, raw_server
from tests.fixtures.recorder import ABSENT, Answered, Fault, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, LOCATION, Roaming, joined, roaming, settings
from tests.fixtures.samples import cdr_token, session
from tests.fixtures.waiting import soon, until

numbers = itertools.count(1)
#: The only headers that differ from request to request.
DIFFER = {"x-request-id", "x-correlation-id", "content-length", "host", "authorization", "date"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    """A hub with the fast path, whatever the run is about."""
    async with roaming(tmp_path, replace(settings(tmp_path), fast_path=True)) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _standing_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Roaming]:
    data = tmp_path_factory.mktemp("hub")
    async with roaming(data, replace(settings(data), fast_path=True)) as made:
        yield made


async def replayed(world: Roaming) -> int:
    """How many requests went a way that was known."""
    async with aiohttp.ClientSession() as session, session.get(f"{world.hub.admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    name = "ocpi_hub_replayed_requests "
    return next(int(float(each.removeprefix(name))) for each in lines if each.startswith(name))


async def push(world: Roaming, *, tail: str = "", story: str = "", **sent: Any) -> Answered:
    """A PUT of a Location, each of another one."""
    object_id = f"LOC{next(numbers)}"
    url = world.url("locations", "RECEIVER", tail or f"/BE/BEC/{object_id}")
    ids = {"X-Request-ID": f"asked-{next(numbers)}", "X-Correlation-ID": story or f"c-{next(numbers)}"}
    sent = sent or {"value": LOCATION | {"id": object_id}}
    return await world.cpo.call("PUT", url, to=EMSP, sender=CPO, headers=ids, **sent)


async def known(world: Roaming) -> None:
    """Push until that is replayed: the first ones may show quirks, which change the Directory."""

    async def is_settled() -> bool:
        before = await replayed(world)
        for _ in range(5):
            await push(world)
        return await replayed(world) == before + 5

    await soon(is_settled)


async def seen_replayed(world: Roaming, **what: Any) -> Answered:
    """A PUT that was replayed: on a busy machine one may come in pieces, or find its connection gone."""
    found: list[Answered] = []

    async def is_replayed() -> bool:
        before = await replayed(world)
        found.append(await push(world, **what))
        return await replayed(world) > before

    await soon(is_replayed)
    return found[-1]


def relayed(world: Roaming) -> int:
    """How many messages of other parties the eMSP got: the hub's own may come at any moment."""
    return sum(each.sender is not None for each in world.emsp.received)


def legs(world: Roaming, story: str) -> list[JournalEntry]:
    """The legs of an exchange."""
    return [each for each in world.journal if each.correlation_id == story]


async def exchanged(world: Roaming, *, is_replayed: bool) -> list[Any]:
    """What there is to see of a PUT, but for what differs from hub to hub."""
    body = exact_json.encode(LOCATION | {"id": "LOC-7"})
    pushing = seen_replayed if is_replayed else push
    answer = await pushing(world, tail="/BE/BEC/LOC-7", story="the-last", body=body)
    assert bool(await replayed(world)) == is_replayed
    got = world.emsp.received[-1]
    asked = answer.headers["X-Request-ID"]
    await until(lambda: [each.request_id for each in legs(world, "the-last")][1::2][-1:] == [asked])
    out, own = legs(world, "the-last")[-2:]
    assert got.token in world.emsp.accepted_tokens
    assert got.correlation_id == answer.headers["X-Correlation-ID"] == "the-last"
    assert out.request_id == got.request_id
    assert own.request_id == answer.headers["X-Request-ID"] != got.request_id
    assert out.reply_body == own.reply_body == answer.body
    entries = [
        each._replace(
            at=own.at,
            took=own.took,
            request_id="",
            reply_body=b"",
            url=each.url.replace(world.emsp.url, ""),
            bodies_elsewhere=False,
        )[2:]
        for each in (out, own)
    ]
    headers = [(name, value) for name, value in got.headers.items() if name.lower() not in DIFFER]
    answered = [(name, value) for name, value in answer.headers.items() if name.lower() not in DIFFER]
    return [got.path, got.query, got.body == body, headers, answer.status, answered, entries]


@pytest.mark.holds("RT-06", "RT-08", "RT-19", "RT-21", "TR-17", "TR-18", by="hub")
async def test_what_is_replayed_cannot_be_told_from_the_ordinary_path(tmp_path: Path) -> None:
    """RT-06, RT-08, RT-19, RT-21, TR-17, TR-18."""
    seen = []
    for fast_path in (True, False):
        data = tmp_path / str(fast_path)
        async with roaming(data, replace(settings(data), fast_path=fast_path)) as world:
            if fast_path:
                await known(world)
            seen.append(await exchanged(world, is_replayed=fast_path))
    assert seen[0] == seen[1]


async def test_a_trace_shows_the_bodies_of_both_legs_which_are_stored_once(
    world: Roaming, tmp_path: Path
) -> None:
    """Decision 0068."""
    await known(world)
    body = exact_json.encode(LOCATION | {"id": "LOC-7"})
    answers: list[Answered] = []

    async def is_taken_by_its_form() -> bool:
        """The first answer on a way that was learnt anew is not."""
        answers.append(await push(world, tail="/BE/BEC/LOC-7", body=body))
        story = answers[-1].headers["X-Correlation-ID"]
        await until(lambda: len(legs(world, story)) == 2)
        return legs(world, story)[0].bodies_elsewhere

    await soon(is_taken_by_its_form)
    answer = answers[-1]
    story = answer.headers["X-Correlation-ID"]

    async def both() -> list[Any]:
        query = {"correlation_id": story, "bodies": "true"}
        told = await asked(
            world.hub.admin_url, "GET", "/admin/v1/trace", key=world.hub.admin_key, query=query
        )
        return told.content.get("legs", [])

    async def are_stored() -> bool:
        return len(await both()) == 2

    await soon(are_stored)
    assert [(leg["direction"], leg["request_body"], leg["reply_body"]) for leg in await both()] == [
        (direction, body.decode(), answer.body.decode()) for direction in ("out", "in")
    ]
    stored = (
        "SELECT direction, request_body, reply_body FROM journal WHERE correlation_id = :story ORDER BY id"
    )
    assert await rows_in(database_in(tmp_path), stored, story=story) == [
        ("out", None, None),
        ("in", body.decode(), answer.body.decode()),
    ]


async def test_quirks_are_counted_though_the_way_is_known(
    world: Roaming, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer counts, and the last exchange is named."""
    monkeypatch.setattr("hub.registry.quirk_watch.COUNT_EVERY", timedelta(milliseconds=50))
    bare = {"X-Request-ID": "", "X-Correlation-ID": "", "OCPI-to-party-id": "", "OCPI-from-party-id": ""}
    world.emsp.answers("PUT", "/receiver/locations", Reply(headers=bare))
    await known(world)
    for _ in range(7):
        await push(world)
    last = (await seen_replayed(world)).headers["X-Correlation-ID"]
    counted = "SELECT name, count, correlation_id FROM quirk WHERE name LIKE '%in-answers' ORDER BY name"
    names = ("ids-in-answers", "routing-in-answers")

    async def are_counted() -> bool:
        found = await rows_in(database_in(tmp_path), counted)
        return found == [(name, relayed(world), last) for name in names]

    await soon(are_counted)


async def test_a_request_on_a_known_way_is_a_sign_of_life(tmp_path: Path) -> None:
    """Whoever calls is alive: its circuit, which was open, lets the next request to it pass at once."""
    sessions = "/sender/sessions"
    # No time passes, so that nothing else ends the pause.
    async with roaming(tmp_path, replace(settings(tmp_path), fast_path=True), clock=Clock()) as world:

        async def reaches() -> int | None:
            return (await world.emsp.call("GET", world.url("sessions", "SENDER"), to=CPO, sender=EMSP)).code

        async def comes_back_by_calling() -> bool:
            world.cpo.answers("GET", sessions, Fault.CLOSE)
            assert [await reaches() for _ in range(FAILURES)] == [4000] * FAILURES
            world.cpo.answers("GET", sessions, Reply([]))
            assert [await reaches() for _ in range(3)] == [4003] * 3
            before = await replayed(world)
            await push(world)
            was_replayed = await replayed(world) == before + 1
            assert await reaches() == 1000
            return was_replayed

        await known(world)
        # The first time shows quirks, which change the Directory: what was known is found anew.
        await soon(comes_back_by_calling)


@pytest.mark.parametrize(
    ("tail", "body", "status", "code"),
    [
        ("/BE/BEC/LOC1", b'{"id": "LOC1"', 400, 2001),
        ("/BE/BEC/LOC1", b'{"id": "LOC1", "name": "\xff"}' + b" " * 5000, 400, 2001),
        ("/BE/BEC/LOC1", b'{"id": "LOC1", "n": 1e' + b"9" * 20 + b"}" + b" " * 5000, 400, 2001),
        ("/BE/BEC/LOC1", b'["LOC1"]', 200, 2001),
        ("/BE/BEC/LOC1", b'{"id": "LOC2"}', 200, 2001),
        ("/BE/BEC/LOC1", b'{"id": "LOC2"}' + b" " * 5000, 200, 2001),
        ("/BE/BEC/LOC1/3256", b'{"uid": "3257"}', 200, 2001),
        ("/NL/TNM/LOC1", b'{"id": "LOC1"}', 200, 2001),
        ("/BE/BEC/%2e%2e", b'{"id": "LOC1"}', 404, 2001),
    ],
)
@pytest.mark.holds("TR-12", "TR-27", "AM-07", by="hub")
@pytest.mark.asyncio(loop_scope="module")
async def test_what_must_not_go_on_is_refused_though_its_way_is_known(
    standing_world: Roaming, tail: str, body: bytes, status: int, code: int
) -> None:
    """TR-12, TR-27, AM-07."""
    world = standing_world
    await known(world)
    count = relayed(world)
    answer = await push(world, tail=tail, body=body)
    assert (answer.status, answer.code) == (status, code)
    assert relayed(world) == count


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.HANG, 4002),
        (Fault.CLOSE, 4000),
        (Fault.HALF_AN_ANSWER, 4000),
        (Fault.HTML, 4000),
        (Fault.NOT_JSON, 4000),
        (Fault.NO_ENVELOPE, 4000),
        (Fault.SERVER_ERROR, 4000),
        (Fault.REDIRECT, 4000),
        (Reply(status_code=2003, status_message="no such token"), 2003),
        (Reply(status=404, status_code=2003), 2003),
    ],
)
@pytest.mark.holds("RT-15", "RT-16", by="hub")
@pytest.mark.asyncio(loop_scope="module")
async def test_each_fault_has_its_code_though_the_way_is_known(
    standing_world: Roaming, fault: Fault | Reply, code: int
) -> None:
    """RT-15, RT-16."""
    world = standing_world
    await known(world)
    world.emsp.answers("PUT", "/receiver/locations", fault)
    count, story = relayed(world), f"faulty-{next(numbers)}"
    answer = await push(world, story=story)
    assert answer.code == code
    await until(lambda: len(legs(world, story)) == 2)
    assert [(each.direction, each.status_code) for each in legs(world, story)][1] == ("in", code)
    assert relayed(world) == count + 1
    world.emsp.is_honest_again()
    assert (await push(world)).code == 1000


@pytest.mark.holds("TR-05", by="hub")
async def test_a_way_ends_with_what_it_was_decided_by(world: Roaming) -> None:
    """TR-05: a platform that is suspended is refused at once, a receiver too."""
    await known(world)
    await world.hub.platforms.suspend("cpo")
    assert (await push(world)).status == 403
    await world.hub.platforms.resume("cpo")
    await known(world)
    await world.hub.platforms.suspend("emsp")
    assert (await push(world)).code == 4003


async def pushed_after(world: Roaming, change: Awaitable[object]) -> Answered:
    """What a PUT is answered right after a change, where the same was replayed right before."""
    await known(world)
    await change
    before, count = await replayed(world), relayed(world)
    answer = await push(world)
    assert await replayed(world) == before
    assert (relayed(world) > count) == (answer.code == 1000)
    return answer


@pytest.mark.holds("RT-13", by="hub")
async def test_who_has_an_agreement_no_more_is_refused_at_once_though_the_way_is_known(
    tmp_path: Path,
) -> None:
    """RT-13: signed, ended, and signed again."""
    given = replace(settings(tmp_path, PolicyMode.AGREEMENTS), fast_path=True)
    parties = Party.parse(CPO), Party.parse(EMSP)
    async with roaming(tmp_path, given) as world:
        assert (await push(world)).code == 4001
        signed = await world.hub.signing.sign(parties)
        assert (await pushed_after(world, world.hub.signing.end(signed.id))).code == 4001
        others = await world.hub.signing.sign(parties, ["tariffs"])
        assert (await push(world)).code == 4001
        await world.hub.signing.end(others.id)
        await world.hub.signing.sign(parties, ["locations"])
        await known(world)


@pytest.mark.holds("RT-13", by="hub")
async def test_an_agreement_that_is_over_by_the_clock_lets_nothing_through_on_a_way_that_is_known(
    tmp_path: Path,
) -> None:
    """RT-13: nobody has to notice that the hour has come."""
    given = replace(settings(tmp_path, PolicyMode.AGREEMENTS), fast_path=True)
    clock = RunningClock()
    async with roaming(tmp_path, given, clock=clock) as world:
        until = clock() + timedelta(hours=1)
        await world.hub.signing.sign((Party.parse(CPO), Party.parse(EMSP)), until=until)
        await known(world)
        clock.is_set(hours=1)
        count = relayed(world)
        assert (await push(world)).code == 4001
        assert relayed(world) == count


@pytest.mark.holds("CR-11", by="hub")
async def test_a_token_that_was_replaced_opens_no_way_that_is_known(world: Roaming) -> None:
    """CR-11: the caller's own, once it has shown the new one; and the receiver gets its new one at once."""
    before = world.cpo.outbound_token
    answer = await pushed_after(world, world.cpo.update())
    assert answer.code == 1000
    await known(world)
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    refused = await world.cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO, token=before)
    assert refused.status == 401
    old = set(world.emsp.accepted_tokens)
    assert (await pushed_after(world, world.emsp.update())).code == 1000
    assert world.emsp.received[-1].token not in old


@pytest.mark.holds("CR-13", by="hub")
async def test_who_has_left_is_not_reached_on_a_way_that_is_known(world: Roaming) -> None:
    """CR-13: DELETE of credentials by the receiver, and then by the sender."""
    url = world.emsp.far_end["credentials", "SENDER"]
    assert (await pushed_after(world, world.emsp.call("DELETE", url))).code == 4003
    token = world.cpo.outbound_token
    assert (await world.cpo.call("DELETE", url)).code == 1000
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    answer = await world.cpo.call("PUT", url, LOCATION, to=EMSP, sender=CPO, token=token)
    assert answer.status == 401


async def test_who_wants_no_wrong_bodies_gets_none_on_a_way_that_is_known(world: Roaming) -> None:
    await known(world)
    await world.hub.platforms.arrange("emsp", bad_bodies=BadBodies.REFUSE)
    count = relayed(world)
    body = exact_json.encode(LOCATION | {"city": 7})
    answer = await push(world, tail="/BE/BEC/LOC1", body=body)
    assert answer.code == 2001
    assert relayed(world) == count


@pytest.mark.holds("CR-10", by="hub")
async def test_who_has_moved_is_asked_where_it_is_now(world: Roaming) -> None:
    """CR-10: a PUT of credentials with endpoints elsewhere."""
    await known(world)
    await world.emsp.go_away()
    await world.emsp.come_back(elsewhere=True)
    await world.emsp.update()
    assert (await push(world)).code == 1000


@pytest.mark.holds("RT-25", by="hub")
async def test_what_is_wrong_with_a_body_is_noted_though_its_way_is_known(world: Roaming) -> None:
    """RT-25."""
    await known(world)
    body = exact_json.encode(LOCATION | {"city": 7})
    await seen_replayed(world, tail="/BE/BEC/LOC1", story="broken", body=body)
    await until(lambda: world.noted("broken"))
    assert "/city" in world.noted("broken")[0].note


@pytest.mark.holds("SES-01", by="hub")
async def test_a_session_is_kept_for_its_parties_though_its_way_is_known(world: Roaming) -> None:
    """SES-01; decision 0023."""
    pushed: list[str] = []

    async def is_replayed() -> bool:
        before = await replayed(world)
        pushed.append(f"S{len(pushed)}")
        url = world.url("sessions", "RECEIVER", f"/{CPO}/{pushed[-1]}")
        token = cdr_token(country_code="NL", party_id="TNM")
        await world.cpo.call("PUT", url, session(id=pushed[-1], cdr_token=token), to=EMSP, sender=CPO)
        return await replayed(world) > before

    await soon(is_replayed)
    are_all = lambda found: sorted(each["id"] for each in found) == sorted(pushed)  # noqa: E731 one line
    await listed_soon(world, world.emsp, EMSP, "sessions", are_all)


async def test_a_limit_counts_what_is_replayed(world: Roaming) -> None:
    await known(world)
    await world.hub.platforms.arrange("cpo", rate_limit=1)
    answers = [(await push(world)).status for _ in range(20)]
    assert answers[0] == 200
    assert 429 in answers


async def test_large_bodies_and_answers_are_replayed_whole(world: Roaming) -> None:
    await known(world)
    large = "x" * 150_000
    world.emsp.answers("PUT", "/receiver/locations", Reply({"a": large}))
    await push(world)  # this form is new
    body = exact_json.encode(LOCATION | {"id": "LOC1", "operator": {"name": large}})
    answer = await seen_replayed(world, tail="/BE/BEC/LOC1", body=body)
    assert world.emsp.received[-1].body == body
    assert answer.data == {"a": large}


class BesideBytes(Recorder):
    """An eMSP whose locations lie at a server of bytes."""

    bytes_url = ""

    def endpoint(self, module: str, side: str) -> str:
        """Its URL of one interface."""
        return f"{self.bytes_url}/locations" if module == "locations" else super().endpoint(module, side)


@asynccontextmanager
async def beside(data: Path, behave: Behaviour) -> AsyncIterator[tuple[Roaming, RawServer]]:
    """A hub, and an eMSP whose locations behave so."""
    given = replace(settings(data), fast_path=True)
    async with (
        raw_server(behave) as server,
        Recorder([("CPO", *CPO.split("/"))]) as cpo,
        BesideBytes([("EMSP", *EMSP.split("/"))]) as emsp,
        running_hub(given, log=None) as hub,
    ):
        emsp.bytes_url = server.url
        yield Roaming(hub, await joined(hub, cpo, "cpo"), await joined(hub, emsp, "emsp"), []), server


async def test_an_answer_that_is_known_may_be_cut_at_any_byte(tmp_path: Path) -> None:
    body = b'{"status_code":1000,"data":[1.50]}'
    answer = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    cuts = [*range(1, len(answer))]

    async def cut(talk: Talk) -> None:
        for _ in range(3):
            await talk.request()
            await talk.say(answer)
        for place in cuts:
            await talk.request()
            await talk.say(answer[:place], answer[place:])
        await talk.request()
        await talk.say(*(answer[place : place + 1] for place in range(len(answer))))

    async with beside(tmp_path, cut) as (world, server):
        bodies = [(await push(world)).body for _ in range(3 + len(cuts) + 1)]
        assert bodies == [body] * len(bodies)
        assert (len(server.requests), server.made) == (len(bodies), 1)
        assert await replayed(world) > len(cuts) / 2


@pytest.mark.parametrize(
    "last",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: Keep-Alive , Close\r\n",
        b"HTTP/1.0 200 OK\r\n",
    ],
)
async def test_a_connection_that_its_platform_ends_is_not_used_again_though_the_answer_is_known(
    tmp_path: Path, last: bytes
) -> None:
    """As many servers do after so many requests."""
    rest = b"Content-Type: application/json\r\nContent-Length: 22\r\n\r\n" + b'{"status_code": 1000 }'

    async def three_each(talk: Talk) -> None:
        for beginning in (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n",) * 2 + (last,):
            await talk.request()
            await talk.say(beginning + rest)
        await talk.closed()

    async with beside(tmp_path, three_each) as (world, server):
        codes = [(await push(world)).code for _ in range(30)]
        assert codes == [1000] * 30
        assert (len(server.requests), server.made) == (30, 10)
        assert await replayed(world) > 5


@pytest.mark.holds("TR-12", by="hub")
async def test_a_body_that_is_missing_is_refused_though_its_way_is_known(world: Roaming) -> None:
    """TR-12: a length of 0 in a head that is otherwise like those before."""
    await known(world)
    token = base64.b64encode((world.cpo.outbound_token or "").encode()).decode()
    lines = (
        "PUT /ocpi/2.2.1/receiver/locations/BE/BEC/LOC1 HTTP/1.1",
        f"Host: hub\r\nAuthorization: Token {token}\r\nX-Request-ID: asked\r\nX-Correlation-ID: raw",
        "OCPI-to-country-code: NL\r\nOCPI-to-party-id: TNM",
        "OCPI-from-country-code: BE\r\nOCPI-from-party-id: BEC\r\nContent-Length: {}\r\n\r\n",
    )
    head = "\r\n".join(lines)
    body = exact_json.encode(LOCATION | {"id": "LOC1"})
    host, _, port = world.hub.public_url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def answered(body: bytes) -> bytes:
        writer.write(head.format(len(body)).encode() + body)
        said = await reader.readuntil(b"\r\n\r\n")
        length = int(said.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return said

    async def is_replayed() -> bool:
        before = await replayed(world)
        assert (await answered(body)).startswith(b"HTTP/1.1 200 ")
        return await replayed(world) > before

    await soon(is_replayed)
    count = relayed(world)
    assert (await answered(b"")).startswith(b"HTTP/1.1 400 ")
    assert relayed(world) == count
    writer.close()


async def test_callers_may_change_from_way_to_way_and_write_their_heads_as_they_like(world: Roaming) -> None:
    """What recognises a head by the one before is never taken for what it says."""
    await known(world)
    for number in range(12):
        story = f"by-turns-{number}"
        more = {"Traceparent": f"00-{number}"} if number % 3 else {"Cookie": f"a={number}; b"}
        headers = {"X-Request-ID": f"asked-{story}", "X-Correlation-ID": story, **more}
        reads = number % 2 == 0
        caller, to, sender = (world.emsp, CPO, EMSP) if reads else (world.cpo, EMSP, CPO)
        method, interface, tail = ("GET", "SENDER", "") if reads else ("PUT", "RECEIVER", "/BE/BEC")
        value = ABSENT if reads else LOCATION | {"id": f"LOC{number}"}
        url = world.url("locations", interface, f"{tail}/LOC{number}")
        answer = await caller.call(method, url, value, to=to, sender=sender, headers=headers)
        assert answer.headers["X-Request-ID"] == f"asked-{story}"
        got = (world.cpo if reads else world.emsp).received[-1]
        assert (got.method, got.headers["X-Correlation-ID"]) == (method, story)
        assert got.path.endswith(f"{tail}/LOC{number}")
        assert {"Traceparent", "Cookie"}.isdisjoint(got.headers)


@pytest.mark.holds("RT-26", by="hub")
async def test_a_path_with_anything_to_decode_is_left_to_who_knows_how(world: Roaming) -> None:
    """RT-26."""
    await known(world)
    before = await replayed(world)
    body = exact_json.encode(LOCATION | {"id": "LOC 1"})
    assert (await push(world, tail="/BE/BEC/LOC%201", body=body)).code == 1000
    assert world.emsp.received[-1].path.endswith("/BE/BEC/LOC%201")
    assert await replayed(world) == before


async def test_two_callers_with_the_same_paths_are_not_mistaken_for_each_other(world: Roaming) -> None:
    await known(world)
    async with Recorder([("CPO", "FR", "XYZ")]) as other:
        invited = await world.hub.platforms.invite("other")
        await other.register(world.hub.versions_url, invited.token)
        url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
        for _ in range(3):
            answer = await other.call("PUT", url, LOCATION, to=EMSP, sender=CPO)
            assert answer.code == 2001
