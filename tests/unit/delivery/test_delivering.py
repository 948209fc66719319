"""What receivers get of what was accepted: over real sockets, looked at where it arrives."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from hub.delivery.overview import overview_here
from hub.directory.directory import WhenUnreachable
from hub.http.client import HttpTransport
from hub.store.database import opened
from hub.store.objects import append_client_infos
from schemas.v2_2_1 import ClientInfo, ConnectionStatus, Role
from tests.fixtures.changes import EARLIER, LATER, THEN, change, evse, location, patch, put
from tests.fixtures.databases import database_in
from tests.fixtures.delivering import NOW, People, World, crash_image, delivering
from tests.fixtures.recorder import Fault, Recorder, Reply

ABC = (Role.EMSP, "DE/ABC")


async def test_a_receiver_gets_the_bytes_and_the_headers_of_a_broadcast(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-35, RT-37, RT-43: TO is the receiver, FROM the hub, the owner stays in the path."""
    people.recorded(msp, ABC)
    body = b'{ "id":"LOC1", "x_new": 1.50, "last_updated":"2026-05-01T12:00:00Z" }'
    async with delivering(path, people, transport) as hub:
        await hub.accept(change("PUT", "locations", "/NL/TNM/LOC1", body=body, correlation="abc"))
        received = await msp.receives("PUT", "/receiver/locations/NL/TNM/LOC1")
    assert received.body == body
    assert (received.to, received.sender) == ("DE/ABC", "HU/HUB")
    assert received.correlation_id == "abc"
    assert received.request_id not in {None, "abc"}
    assert received.token in msp.accepted_tokens
    assert received.headers["Content-Type"] == "application/json"


async def test_each_party_of_a_platform_gets_its_own_request(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-34: TO names a party; two parties get two requests, each with an id of its own."""
    people.recorded(msp, ABC, (Role.NSP, "DE/XYZ"), (Role.CPO, "DE/CPO"))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location())
        await msp.receives("PUT", "locations", count=2)
        await hub.at_rest()
    got = msp.all("PUT", "locations")
    assert {each.to for each in got} == {"DE/ABC", "DE/XYZ"}
    assert len({each.request_id for each in got}) == 2
    assert {each.correlation_id for each in got} == {"corr-1"}


async def test_a_single_change_goes_as_it_came(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, ABC)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("E%2F1", status="AVAILABLE")]))
        await msp.receives("PUT", "LOC1")
        await hub.accept(patch("locations", "/nl/TNM/LOC1/E%252F1", LATER, status="CHARGING"))
        received = await msp.receives("PATCH", "/receiver/locations/nl/TNM/LOC1/E%252F1")
    assert received.value == {"status": "CHARGING", "last_updated": LATER}


async def test_the_type_of_a_token_stays_in_the_query(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, (Role.CPO, "DE/CPO"))
    async with delivering(path, people, transport) as hub:
        value = {"uid": "1", "last_updated": LATER}
        await hub.accept(change("PUT", "tokens", "/NL/TNM/1", value, query="type=APP_USER"))
        assert (await msp.receives("PUT", "/tokens/NL/TNM/1")).query == "type=APP_USER"


async def test_a_deleted_tariff_is_deleted_there_and_404_will_do(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-42."""
    people.recorded(msp, ABC)
    msp.answers("DELETE", "tariffs", Reply(status=404, status_code=2001))
    async with delivering(path, people, transport) as hub:
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        await msp.receives("PUT", "T1")
        await hub.accept(change("DELETE", "tariffs", "/NL/TNM/T1"))
        deleted = await msp.receives("DELETE", "/tariffs/NL/TNM/T1")
        await hub.at_rest()
        assert await hub.pumps.dead_letters() == ()
    assert deleted.body == b""


async def test_a_patch_of_an_object_that_the_receiver_lacks_is_followed_by_the_whole(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """RT-41."""
    people.recorded(msp, ABC)
    msp.answers("PATCH", "locations", Reply(status=404, status_code=2003))
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1", status="AVAILABLE")]))
        await msp.receives("PUT", "LOC1")
        await hub.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, status="CHARGING"))
        received = await msp.receives("PUT", "/NL/TNM/LOC1", count=2)
        await hub.at_rest()
    assert received.path.endswith("/NL/TNM/LOC1")
    assert received.value["evses"] == [evse("1", LATER, status="CHARGING")]
    assert [each.method for each in msp.received] == ["PUT", "PATCH", "PUT"]


async def test_client_info_goes_to_every_other_platform_without_routing_headers(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """HCI-01, HCI-07."""
    about = people.platforms[1]
    people.recorded(msp, ABC, (Role.NSP, "DE/XYZ"))
    info = ClientInfo(
        party_id="TNM", country_code="NL", role=Role.CPO, status=ConnectionStatus.OFFLINE, last_updated=NOW
    )
    async with delivering(path, people, transport) as hub:
        async with hub.database.writing() as connection:
            await append_client_infos(
                connection, [info], platform_id=about.id, correlation_id="c", accepted_at=NOW
            )
        hub.pumps.wake()
        received = await msp.receives("PUT", "/hubclientinfo/NL/TNM")
        hub.last = 1
        await hub.at_rest()
    assert received.value == {
        "party_id": "TNM",
        "country_code": "NL",
        "role": "CPO",
        "status": "OFFLINE",
        "last_updated": THEN,
    }
    assert (received.to, received.sender) == (None, None)
    assert len(msp.all("PUT", "hubclientinfo")) == 1


async def test_a_receiver_that_was_away_gets_the_newest_states_once(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """Design D3, policy `state`."""
    platform = people.recorded(msp, ABC, status=ConnectionStatus.OFFLINE)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1", status="AVAILABLE")]))
        for number in range(20):
            updated = f"2026-05-01T13:00:{number:02}Z"
            await hub.accept(patch("locations", "/NL/TNM/LOC1/1", updated, status=f"S{number}"))
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"), change("DELETE", "tariffs", "/NL/TNM/T1"))
        await hub.until(lambda: hub.pumps.parts.log.end == 23)
        assert msp.received == []
        hub.change(platform, status=ConnectionStatus.CONNECTED)
        await hub.at_rest()
    assert sorted((each.method, each.path.rpartition("/")[2]) for each in msp.received) == [
        ("DELETE", "T1"),
        ("PUT", "LOC1"),
    ]
    [put_of_location] = msp.all("PUT", "LOC1")
    assert put_of_location.value["evses"][0]["status"] == "S19"


async def test_who_is_far_behind_gets_each_object_once_however_many_rounds_that_takes(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """What is told is as of the newest change: those before it, in rounds to come, are told with it."""
    platform = people.recorded(msp, ABC, status=ConnectionStatus.OFFLINE)
    async with delivering(path, people, transport, largest_round=4) as hub:
        for number in range(10):
            moment = f"2026-05-01T12:00:{number:02}Z"
            tails = [f"/NL/TNM/L{each}" for each in range(3)]
            await hub.accept(*[put("locations", tail, moment, id=tail[-2:]) for tail in tails])
        await hub.until(lambda: hub.pumps.parts.log.end == hub.last)
        hub.change(platform, status=ConnectionStatus.CONNECTED)
        await hub.at_rest()
    assert sorted(each.path[-2:] for each in msp.received) == ["L0", "L1", "L2"]
    assert all(b"12:00:09Z" in each.body for each in msp.received)


async def test_a_platform_for_which_nothing_is_kept_gets_nothing_late(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """Design D3, policy `none`; TR-31, HCI-12."""
    platform = people.recorded(
        msp, ABC, status=ConnectionStatus.OFFLINE, when_unreachable=WhenUnreachable.NONE
    )
    async with delivering(path, people, transport) as hub:
        await hub.accept(location())
        await hub.until(lambda: hub.pumps.parts.log.end == 1)
        await hub.until(lambda: all(each.waiting == 0 for each in overview_here(hub.pumps, platform.id)))
        hub.change(platform, status=ConnectionStatus.CONNECTED)
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        await msp.receives("PUT", "T1")
    assert msp.all("PUT", "LOC1") == []


async def test_a_new_receiver_begins_at_the_end_of_the_log(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    async with delivering(path, people, transport) as hub:
        await hub.accept(location())
        people.recorded(msp, ABC)
        hub.pumps.wake()
        await hub.adopted()
        await hub.accept(patch("locations", "/NL/TNM/LOC1", LATER, name="new"))
        received = await msp.receives("PATCH", "LOC1")
    assert received.value["name"] == "new"
    assert len(msp.received) == 1


async def test_an_older_state_that_comes_late_reaches_nobody(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """LOC-23."""
    people.recorded(msp, ABC)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(LATER, name="new"))
        await msp.receives("PUT", "LOC1")
        await hub.accept(location(EARLIER, name="old"))
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        await msp.receives("PUT", "T1")
    assert [each.value["name"] for each in msp.all("PUT", "LOC1")] == ["new"]


async def test_a_hanging_platform_delays_nobody_else(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    async with Recorder() as hanging:
        hanging.answers("*", "", Fault.HANG)
        people.recorded(hanging, (Role.EMSP, "DE/BAD"))
        people.recorded(msp, ABC)
        async with delivering(path, people, transport) as hub:
            for number in range(30):
                await hub.accept(put("tariffs", f"/NL/TNM/T{number}", id=f"T{number}"))
            await msp.receives("PUT", "tariffs", count=30)
            in_flight = len(hanging.received)
    assert 0 < in_flight <= 8


async def test_a_platform_gets_no_more_at_the_same_time_than_it_may(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, ABC)
    now = most = 0

    async def slow(_request: object) -> Reply:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return Reply()

    msp.answers("PUT", "tariffs", slow)
    async with delivering(path, people, transport, in_flight=3) as hub:
        await asyncio.gather(
            *(hub.accept(put("tariffs", f"/NL/TNM/T{number}", id=f"T{number}")) for number in range(20))
        )
        await msp.receives("PUT", "tariffs", count=20)
    assert most == 3


async def test_never_two_letters_about_one_object_at_the_same_time(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    """Neither for one party, nor for two of a platform, which may keep the object once for both."""
    people.recorded(msp, ABC, (Role.EMSP, "DE/XYZ"))
    busy = False

    async def alone(_request: object) -> Reply:
        nonlocal busy
        assert not busy
        busy = True
        await asyncio.sleep(0.001)
        busy = False
        return Reply()

    msp.answers("*", "LOC1", alone)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1")]))
        for number in range(30):
            await hub.accept(patch("locations", "/NL/TNM/LOC1/1", f"2026-05-01T13:00:{number:02}Z", n=number))
        await hub.at_rest()
    assert {each.to for each in msp.received} == {"DE/ABC", "DE/XYZ"}
    assert hub.unreachable == []


async def test_what_was_accepted_before_a_crash_is_delivered_after_it(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    platform = people.recorded(msp, ABC, status=ConnectionStatus.OFFLINE)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(), put("tariffs", "/NL/TNM/T1", id="T1"))
        crash_image(path, path.with_suffix(".image"))
        hub.change(platform, status=ConnectionStatus.CONNECTED)
    async with delivering(path.with_suffix(".image"), people, transport) as hub:
        await msp.receives("PUT", "LOC1")
        await msp.receives("PUT", "T1")


async def test_after_a_crash_something_may_come_twice_but_nothing_goes_back(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, ABC)
    async with delivering(path, people, transport) as hub:
        await hub.accept(location(evses=[evse("1", n=0)]))
        await msp.receives("PUT", "LOC1")
        await hub.accept(patch("locations", "/NL/TNM/LOC1/1", LATER, n=1))
        await msp.receives("PATCH", "LOC1")
        await hub.at_rest()
    await _rewind(path)
    async with delivering(path, people, transport) as hub:
        hub.last = 2
        await hub.at_rest()
    again = msp.received[2:]
    assert [(each.method, each.value["evses"][0]["n"]) for each in again] == [("PUT", 1)]


async def _rewind(path: Path) -> None:
    """Put every cursor back, as if the last positions had not been written."""
    async with opened(database_in(path.parent, path.name)) as database, database.writing() as connection:
        await connection.execute(text("UPDATE cursor SET seq = 0"))


async def test_accepting_costs_the_same_for_one_receiver_and_for_many(
    path: Path, people: People, transport: HttpTransport
) -> None:
    """Design D3: counted in rows written, which no noise of the machine moves."""
    async with AsyncExitStack() as stack:
        rows: list[int] = []
        for receivers in (1, 60):
            while len(people.platforms) <= receivers:
                people.add((Role.EMSP, f"DE/{len(people.platforms):03}"), status=ConnectionStatus.OFFLINE)
            file = path.with_suffix(f".{receivers}")
            hub = await stack.enter_async_context(delivering(file, people, transport))
            before = await _rows(hub)
            await hub.accept(location(), put("tariffs", "/NL/TNM/T1", id="T1"))
            rows.append(await _rows(hub) - before)
        assert rows == [4, 4]


async def _rows(hub: World) -> int:
    counts = " + ".join(
        f"(SELECT count(*) FROM {name})"  # noqa: S608 our own tables
        for name in ("object", "change", "cursor", "dead_letter")
    )
    async with hub.database.reading() as connection:
        count: int = (await connection.execute(text(f"SELECT {counts}"))).scalar_one()
    return count


async def test_a_hub_that_stops_while_it_delivers_stops_at_once(
    path: Path, people: People, transport: HttpTransport, msp: Recorder
) -> None:
    people.recorded(msp, ABC)
    msp.answers("*", "", Fault.HANG)
    async with delivering(path, people, transport, patience=timedelta(seconds=30)) as hub:
        await hub.accept(location())
        await msp.receives("PUT", "LOC1")
        stopping = perf_counter()
    assert perf_counter() - stopping < 5
    msp.answers("*", "", Reply())
    async with delivering(path, people, transport):
        await msp.receives("PUT", "LOC1", count=2)
