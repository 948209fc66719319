"""Pulling: the hub reads the lists of platforms, and passes on what it finds (2.2.1, Pull and Push)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from hub.directory.directory import Pull
from hub.ocpi.timestamps import parse_timestamp as moment
from tests.fixtures.pulling import OFTEN, ONCE, Pulled, Shelf, pulling
from tests.fixtures.recorder import Fault, Received, Recorder, Reply, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN, joined
from tests.fixtures.waiting import soon

LATER = "2026-01-01T12:00:00Z"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Pulled]:
    async with pulling(tmp_path) as made:
        yield made


@pytest.fixture
async def cpo(world: Pulled) -> Recorder:
    return await world.partner(f"CPO {CPO}")


@pytest.fixture
async def emsp(world: Pulled) -> Recorder:
    made = await world.partner(f"EMSP {EMSP}")
    return await joined(world.hub, made, "emsp")


def locations(*ids: str, **changes: Any) -> list[dict[str, Any]]:
    return [LOCATION | {"id": each} | changes for each in ids]


def ids(objects: Sequence[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in objects]


@pytest.mark.holds("TR-30", "PG-13", "RT-53", "LOC-20", by="hub")
async def test_a_platform_that_connects_is_pulled_to_the_full_and_others_are_told(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    found = [LOCATION | {"x_new": [1.50], "id": f"L{number}"} for number in range(5)]
    Shelf("locations", found).at(cpo)
    Shelf("tariffs", [TARIFF]).at(cpo)
    await emsp.receives("GET", "/sender/tokens")
    Shelf("tokens", [TOKEN]).at(emsp)
    await joined(world.hub, cpo, "cpo")
    await emsp.receives("PUT", "/receiver/locations", 5)
    got = await emsp.receives("PUT", "/receiver/locations/BE/BEC/L0")
    assert (got.to, got.sender, got.value) == (EMSP, HUB, found[0])
    assert (await emsp.receives("PUT", "/receiver/tariffs/BE/BEC/T1")).value == TARIFF
    assert await world.listed(emsp, EMSP) == found
    first, second, third = cpo.all("GET", "/sender/locations")
    assert (first.to, first.sender) == (CPO, HUB)
    assert [parse_qs(each.query).get("offset") for each in (first, second, third)] == [None, ["2"], ["4"]]
    assert {each.correlation_id for each in (first, second, third)} == {got.correlation_id}
    done = await world.ended()
    assert (done["stored"], done["unchanged"], done["broken"], done["status"]) == (5, 0, 0, "waiting")
    assert done["full_at"] is not None
    assert cpo.all("PUT") == []
    assert cpo.all("GET", "/sender/tokens") == []


@pytest.mark.holds("TR-28", by="hub")
async def test_the_objects_of_strangers_are_left_out_and_named(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    own = LOCATION | {"country_code": "be", "party_id": "bec", "id": "OWN"}
    strangers = [
        LOCATION | {"id": "S", "party_id": "XXX"},
        LOCATION | {"id": "T", "country_code": "Netherlands"},
    ]
    Shelf("locations", [own, *strangers]).at(cpo)
    await joined(world.hub, cpo, "cpo")
    done = await world.ended()
    assert (done["stored"], done["broken"]) == (1, 2)
    assert [(each["owner"], each["id"]) for each in done["left_out"]] == [
        ("BE/XXX", "S"),
        ("Netherlands/BEC", "T"),
    ]
    assert "BE/XXX is no party of cpo" in done["left_out"][0]["reason"]
    assert await world.listed(emsp, EMSP) == [own]


BROKEN = [
    ({"time_zone": None}, "/time_zone: expected this field"),
    ({"coordinates": {"latitude": "51", "longitude": "3.729944"}}, "/coordinates/latitude"),
    ({"evses": [LOCATION["evses"][0] | {"connectors": None}]}, "/evses/0/connectors"),
    ({"country_code": None}, "/country_code"),
    ({"party_id": "TOOLONG"}, "party id"),
    ({"id": ""}, "/id"),
    ({"id": ".."}, "/id"),
    ({"last_updated": "yesterday"}, "/last_updated"),
    ({"publish": "true"}, "/publish"),
]


@pytest.mark.holds("TR-29", by="hub")
async def test_what_is_broken_in_a_list_is_named_and_the_rest_is_taken(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    """Each object that came is counted once: stored, or named with JSON pointers."""
    broken = [
        {name: each for name, each in (LOCATION | {"id": f"B{place}"} | change).items() if each is not None}
        for place, (change, _) in enumerate(BROKEN)
    ]
    odd = [LOCATION | {"id": "ODD", "address": "x" * 46, "parking_type": "ON_THE_ROOF", "x_new": {"a": [1]}}]
    shelf = Shelf("locations", [*locations("A"), *broken, "no object", 7, *odd], largest=4).at(cpo)
    await joined(world.hub, cpo, "cpo")
    done = await world.ended()
    assert (done["stored"], done["broken"]) == (2, len(broken) + 2)
    for named, (_, reason) in zip(done["left_out"], BROKEN, strict=False):
        assert reason in named["reason"], named
    assert len(world.left_out) == len(broken) + 2
    for entry, given in zip(world.left_out, shelf.objects[1:], strict=False):
        assert entry.correlation_id == done["correlation_id"]
        assert (entry.platform, entry.module, entry.status_code) == ("cpo", "locations", 2001)
        assert entry.reply_body == to_json(given)
    assert ids(await world.listed(emsp, EMSP)) == ["A", "ODD"]


async def test_a_broken_state_of_a_known_object_does_not_end_it(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    shelf = Shelf("locations", locations("A", "B")).at(cpo)
    await joined(world.hub, cpo, "cpo")
    await world.ended()
    shelf.objects[0] = LOCATION | {"id": "A", "last_updated": LATER, "city": 7}
    done = await world.again()
    assert (done["unchanged"], done["broken"], done["invalid"]) == (1, 1, 0)
    assert await world.listed(emsp, EMSP) == locations("A", "B")


@pytest.mark.holds("LOC-23", "RT-24", "RT-57", by="hub")
async def test_only_what_really_changed_is_told(world: Pulled, cpo: Recorder, emsp: Recorder) -> None:
    shelf = Shelf("locations", locations("A", "B", "C", "D")).at(cpo)
    await joined(world.hub, cpo, "cpo")
    await emsp.receives("PUT", "/receiver/locations", 4)
    shelf.objects[1:] = [
        LOCATION | {"id": "B", "name": "the same instant, and another name"},
        LOCATION | {"id": "C", "name": "older", "last_updated": "2025-01-01T00:00:00Z"},
        LOCATION | {"id": "D", "name": "newer", "last_updated": LATER},
    ]
    done = await world.again()
    assert (done["stored"], done["unchanged"], done["invalid"]) == (2, 2, 0)
    got = [await emsp.receives("PUT", "/receiver/locations", count) for count in (5, 6)]
    assert sorted(each.value["id"] for each in got) == ["B", "D"]
    assert await world.listed(emsp, EMSP) == [
        LOCATION | {"id": "A"},
        shelf.objects[1],
        LOCATION | {"id": "C"},
        shelf.objects[3],
    ]


@pytest.mark.holds("TR-39", "LOC-09", "AM-51", by="hub")
async def test_what_a_full_list_does_not_have_any_more_is_no_longer_valid(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    """A location vanishes from the hub's lists, and nobody is sent a word that its owner did not say."""
    shelf = Shelf("locations", locations("A", "B", "C")).at(cpo)
    await joined(world.hub, cpo, "cpo")
    await emsp.receives("PUT", "/receiver/locations", 3)
    del shelf.objects[1]
    by_date = await world.again(is_full=False)
    assert "date_from" in cpo.all("GET", "/sender/locations")[-1].query
    assert (by_date["invalid"], len(await world.listed(emsp, EMSP))) == (0, 3)
    done = await world.again()
    assert (done["unchanged"], done["invalid"]) == (2, 1)
    assert ids(await world.listed(emsp, EMSP)) == ["A", "C"]
    one = f"{world.hub.public_url}/ocpi/2.2.1/sender/locations/B"
    assert (await emsp.call("GET", one, to=HUB, sender=EMSP)).status == 404
    patch = {"name": "x", "last_updated": LATER}
    there = f"{world.hub.public_url}/ocpi/2.2.1/receiver/locations/BE/BEC/B"
    assert (await cpo.call("PATCH", there, patch, to=HUB, sender=CPO)).status == 404
    shelf.objects.append(LOCATION | {"id": "B"})
    back = await world.again()
    assert (back["stored"], back["unchanged"]) == (1, 2)
    assert (await emsp.receives("PUT", "/receiver/locations", 4)).value["id"] == "B"
    assert ids(await world.listed(emsp, EMSP)) == ["A", "C", "B"]
    assert len(emsp.all("*", "/receiver/locations")) == 4


@pytest.mark.holds("TAR-04", by="hub")
async def test_a_tariff_that_is_not_listed_any_more_is_deleted_everywhere(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    shelf = Shelf("tariffs", [TARIFF, TARIFF | {"id": "t/2"}]).at(cpo)
    await joined(world.hub, cpo, "cpo")
    await emsp.receives("PUT", "/receiver/tariffs/BE/BEC/t%2F2")
    shelf.objects.clear()
    assert (await world.again(module="tariffs"))["invalid"] == 0
    assert (await world.again(module="tariffs"))["invalid"] == 2
    await emsp.receives("DELETE", "/receiver/tariffs/BE/BEC/T1")
    await emsp.receives("DELETE", "/receiver/tariffs/BE/BEC/T%2F2")
    assert await world.listed(emsp, EMSP, "tariffs") == []


async def test_a_token_that_is_not_listed_any_more_is_not_told_to_be_invalid(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    """`valid: false` is the owner's word."""
    shelf = Shelf("tokens", [TOKEN, TOKEN | {"type": "APP_USER"}]).at(emsp)
    await world.again("emsp", "tokens")
    await joined(world.hub, cpo, "cpo")
    assert (await world.listed(cpo, CPO, "tokens")) == shelf.objects
    del shelf.objects[0]
    assert (await world.again("emsp", "tokens"))["invalid"] == 1
    assert (await world.listed(cpo, CPO, "tokens")) == shelf.objects
    assert cpo.all("*", "/receiver/tokens") == []


@pytest.mark.holds("TOK-03", by="hub")
async def test_the_type_of_a_token_stands_in_the_query_when_it_is_not_the_usual_one(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    await joined(world.hub, cpo, "cpo")
    await world.ended()
    Shelf("tokens", [TOKEN, TOKEN | {"type": "APP_USER"}]).at(emsp)
    assert (await world.again("emsp", "tokens"))["stored"] == 2
    await cpo.receives("PUT", "/receiver/tokens", 2)
    got = cpo.all("PUT", "/receiver/tokens")
    assert {(each.path.rsplit("/", 1)[1], each.query) for each in got} == {
        ("012345678", ""), ("012345678", "type=APP_USER")
    }  # fmt: skip


@pytest.mark.parametrize(
    "end",
    [Fault.CLOSE, Fault.NOT_JSON, Reply(status_code=3000), Reply(status=500), Reply("no list")],
    ids=str,
)
async def test_a_full_pull_that_breaks_off_keeps_what_it_took_and_ends_nothing(
    world: Pulled, cpo: Recorder, emsp: Recorder, end: Any
) -> None:
    shelf = Shelf("locations", locations("A", "B", "C", "D", "E")).at(cpo)
    await joined(world.hub, cpo, "cpo")
    first = await world.ended()
    shelf.objects = [*locations("A", last_updated=LATER), *locations("C", "D", "E")]
    cpo.answers(
        "GET", "/sender/locations", lambda got: end if "offset=2" in got.query else shelf.page(cpo, got)
    )
    await world.now("cpo", module="locations", is_full=True)
    failed = await world.until(lambda each: each["error"])
    assert (failed["stored"], failed["invalid"], failed["full_at"]) == (1, 0, first["full_at"])
    assert len(await world.listed(emsp, EMSP)) == 5
    shelf.at(cpo)
    done = await world.until(lambda each: not each["error"])
    assert done["full_at"] > first["full_at"]
    assert ids(await world.listed(emsp, EMSP)) == ["A", "C", "D", "E"]


@pytest.mark.parametrize(("known", "left"), [(1, 0), (24, 11)])
async def test_a_list_that_is_suddenly_short_is_not_believed_at_once(
    world: Pulled, cpo: Recorder, emsp: Recorder, known: int, left: int
) -> None:
    shelf = Shelf("locations", locations(*(f"L{number}" for number in range(known))), largest=50).at(cpo)
    await joined(world.hub, cpo, "cpo")
    await world.ended()
    del shelf.objects[left:]
    doubted = await world.again()
    assert doubted["invalid"] == 0
    assert f"{known - left} of {known} objects are not in the full list" in doubted["error"]
    assert len(await world.listed(emsp, EMSP)) == known
    believed = await world.again()
    assert (believed["invalid"], believed["error"]) == (known - left, "")
    assert len(await world.listed(emsp, EMSP)) == left


async def test_a_hub_that_is_started_anew_confirms_no_empty_list(tmp_path: Path) -> None:
    """A CPO that pushes and lists nothing keeps what it has pushed."""
    async with Recorder([("CPO", *CPO.split("/"))], endpoints=[("locations", "SENDER")]) as cpo:
        async with pulling(tmp_path) as world:
            await joined(world.hub, cpo, "cpo")
            await world.ended()
            url = f"{world.hub.public_url}/ocpi/2.2.1/receiver/locations/BE/BEC/LOC1"
            assert (await cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)).code == 1000
            public_url = world.hub.public_url
        rules, seen = replace(ONCE, full_every=timedelta(0)), set[str]()
        for _ in range(2):
            async with pulling(tmp_path, rules, public_url) as world:
                done = await world.until(
                    lambda each: each["correlation_id"] not in seen and "not believed" in each["error"]
                )
                assert done["invalid"] == 0
                seen.add(done["correlation_id"])


async def test_a_list_that_ends_before_its_total_makes_nothing_invalid(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    """A Link is missing, or the total is wrong: who knows."""
    Shelf("locations", locations("A", "B", "C")).at(cpo)
    await joined(world.hub, cpo, "cpo")
    await world.ended()
    cpo.answers("GET", "/sender/locations", Reply(locations("A"), headers={"X-Total-Count": "3"}))
    done = await world.again()
    assert (done["invalid"], done["error"]) == (0, "1 objects came, and X-Total-Count says 3")
    assert len(await world.listed(emsp, EMSP)) == 3


async def test_what_is_pushed_while_a_page_is_under_way_is_newer_than_the_page(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    old = Shelf("locations", locations("A", "B"))

    async def push_and_answer(request: Received) -> Reply:
        page = old.page(cpo, request)
        for change in (LOCATION | {"id": "A", "name": "pushed"}, LOCATION | {"id": "NEW"}):
            url = f"{world.hub.public_url}/ocpi/2.2.1/receiver/locations/BE/BEC/{change['id']}"
            assert (await cpo.call("PUT", url, change, to=HUB, sender=CPO)).code == 1000
        return page

    await joined(world.hub, cpo, "cpo")
    await world.ended()
    cpo.answers("GET", "/sender/locations", push_and_answer)
    done = await world.again()
    assert (done["stored"], done["unchanged"], done["invalid"]) == (1, 1, 0)
    assert {each["id"]: each.get("name") for each in await world.listed(emsp, EMSP)} == {
        "A": "pushed", "NEW": None, "B": None
    }  # fmt: skip


@pytest.mark.holds("TR-32", "AM-09", by="hub")
async def test_a_platform_that_was_away_is_pulled_by_date_with_an_overlap(tmp_path: Path) -> None:
    async with pulling(tmp_path, replace(ONCE, overlap=timedelta(hours=2))) as world:
        cpo = await world.partner(f"CPO {CPO}")
        Shelf("locations", locations("A")).at(cpo)
        await joined(world.hub, cpo, "cpo")
        first = await world.ended()
        await world.hub.platforms.suspend("cpo")
        await world.hub.platforms.resume("cpo")
        got = await cpo.receives("GET", "/sender/locations", 2)
        since = moment(parse_qs(got.query)["date_from"][0])
        assert moment(first["full_at"]) - since == pytest.approx(
            timedelta(hours=2), abs=timedelta(milliseconds=1)
        )
        done = await world.until(lambda each: each["partial_at"])
        assert done["full_at"] == first["full_at"]


@pytest.mark.holds("TR-32", by="hub")
async def test_a_hub_that_was_away_goes_on_where_it_was(tmp_path: Path) -> None:
    async with Recorder([("CPO", *CPO.split("/"))]) as cpo:
        shelf = Shelf("locations", locations("A")).at(cpo)
        async with pulling(tmp_path) as world:
            await joined(world.hub, cpo, "cpo")
            first = await world.ended()
        shelf.objects.append(LOCATION | {"id": "B", "last_updated": "2999-01-01T00:00:00Z"})
        async with pulling(tmp_path) as world:
            done = await world.until(lambda each: each["partial_at"])
            assert (done["stored"], done["full_at"]) == (1, first["full_at"])
            assert "date_from" in cpo.all("GET", "/sender/locations")[-1].query


async def test_who_registers_anew_is_read_from_the_beginning(world: Pulled, cpo: Recorder) -> None:
    Shelf("locations", locations("A")).at(cpo)
    await joined(world.hub, cpo, "cpo")
    first = await world.ended()
    await cpo.call("DELETE", cpo.far_end["credentials", "SENDER"])
    invitation = await world.hub.platforms.invite_again("cpo")
    assert (await cpo.register(world.hub.versions_url, invitation.token)).code == 1000
    done = await world.until(lambda each: each["full_at"] and each["full_at"] > first["full_at"])
    assert done["unchanged"] == 1


@pytest.mark.holds("TR-33", by="hub")
async def test_who_does_not_push_is_pulled_again_and_again_by_date(tmp_path: Path) -> None:
    async with pulling(tmp_path, OFTEN) as world:
        cpo, emsp = await world.partner(f"CPO {CPO}"), await world.partner(f"EMSP {EMSP}")
        await joined(world.hub, emsp, "emsp")
        shelf = Shelf("locations", locations("A")).at(cpo)
        await joined(world.hub, cpo, "cpo")
        await world.until(lambda each: each["partial_at"])
        shelf.objects.append(LOCATION | {"id": "B", "last_updated": "2999-01-01T00:00:00Z"})
        assert (await emsp.receives("PUT", "/receiver/locations", 2)).value["id"] == "B"
        assert "date_from" not in cpo.all("GET", "/sender/locations")[0].query
        assert all("date_from" in each.query for each in cpo.all("GET", "/sender/locations")[1:])


async def test_who_pushes_is_not_pulled_in_between_unless_an_operator_wants_it(tmp_path: Path) -> None:
    async with pulling(tmp_path, OFTEN) as world:
        cpo = await world.partner(f"CPO {CPO}", endpoints=[("locations", "SENDER")])
        Shelf("locations", locations("A")).at(cpo)
        await joined(world.hub, cpo, "cpo")
        await world.until(lambda each: each["partial_at"])
        url = f"{world.hub.public_url}/ocpi/2.2.1/receiver/locations/BE/BEC/P"
        assert (await cpo.call("PUT", url, LOCATION | {"id": "P"}, to=HUB, sender=CPO)).code == 1000
        await world.until(lambda each: each["status"] == "at rest")
        await world.hub.platforms.arrange("cpo", pull=Pull.ALWAYS)
        await world.until(lambda each: each["status"] == "waiting")


async def test_who_is_set_to_never_is_pulled_only_by_hand(world: Pulled, cpo: Recorder) -> None:
    await world.hub.platforms.invite("cpo")
    await world.hub.platforms.arrange("cpo", pull=Pull.NEVER)
    invitation = await world.hub.platforms.invite_again("cpo")
    Shelf("locations", locations("A")).at(cpo)
    assert (await cpo.register(world.hub.versions_url, invitation.token)).code == 1000
    await world.until(lambda each: each["status"] == "at rest")
    assert cpo.all("GET", "/sender/") == []

    async def is_asked() -> bool:
        return (await world.now("cpo", module="locations")).status == 200

    await soon(is_asked)
    assert (await world.ended())["stored"] == 1
    assert {each["module"]: each["ended_at"] for each in await world.shown()}["tariffs"] is None


async def test_each_party_of_a_platform_has_its_list_read(world: Pulled, emsp: Recorder) -> None:
    two = await world.partner("CPO BE/ONE", "CPO BE/TWO")
    by_party = {
        name: [LOCATION | {"id": f"{name}{place}", "party_id": name} for place in range(2)]
        for name in ("ONE", "TWO")
    }
    two.answers("GET", "/sender/locations", lambda got: Reply(by_party[got.headers["OCPI-to-party-id"]]))
    await joined(world.hub, two, "two")
    await emsp.receives("PUT", "/receiver/locations", 4)
    del by_party["ONE"][0]
    await world.now("two", is_full=True)
    done = await world.until(lambda each: each["invalid"], platform="two")
    assert (done["party"], done["invalid"]) == ("BE/ONE", 1)
    assert sorted(ids(await world.listed(emsp, EMSP))) == ["ONE1", "TWO0", "TWO1"]


@pytest.mark.holds("PG-17", by="hub")
async def test_a_link_to_another_host_is_not_followed(world: Pulled, cpo: Recorder, emsp: Recorder) -> None:
    headers = {"Link": f'<{emsp.url}/stolen>; rel="next"'}
    cpo.answers("GET", "/sender/locations", Reply(locations("A"), headers=headers))
    await joined(world.hub, cpo, "cpo")
    done = await world.until(lambda each: each["error"])
    assert "another host" in done["error"]
    assert emsp.all("GET", "/stolen") == []


@pytest.mark.parametrize(
    ("link", "objects", "problem"),
    [
        ("?round", 1, "circle"),
        ("?page={}", 0, "does not end"),
        ("?page={}", 400, "does not end"),
    ],
)
async def test_a_list_without_an_end_is_given_up(
    world: Pulled, cpo: Recorder, link: str, objects: int, problem: str
) -> None:
    page = locations(*(f"L{number}" for number in range(objects)))

    def answer(request: Received) -> Reply:
        url = request.path + link.format(len(cpo.all("GET", "/sender/locations")))
        return Reply(page, headers={"Link": f'<{url}>; rel="next"', "X-Total-Count": str(objects)})

    cpo.answers("GET", "/sender/locations", answer)
    await joined(world.hub, cpo, "cpo")
    done = await world.until(lambda each: each["error"])
    assert problem in done["error"]
    assert done["full_at"] is None


@pytest.mark.holds("PG-12", by="hub")
async def test_where_the_total_falls_a_page_is_read_again_from_earlier(
    world: Pulled, cpo: Recorder, emsp: Recorder
) -> None:
    """Otherwise the third object, which slips into the page that was read, would be missing."""
    shelf = Shelf("locations", locations("A", "B", "C", "D", "E"))

    def shrinking(request: Received) -> Reply:
        answer = shelf.page(cpo, request)
        shelf.objects = [each for each in shelf.objects if each["id"] != "A"]
        return answer

    cpo.answers("GET", "/sender/locations", shrinking)
    await joined(world.hub, cpo, "cpo")
    done = await world.ended()
    assert sorted(ids(await world.listed(emsp, EMSP))) == ["A", "B", "C", "D", "E"]
    assert done["error"] == ""
    queries = [parse_qs(each.query) for each in cpo.all("GET", "/sender/locations")]
    assert [each.get("offset") for each in queries] == [None, ["2"], ["1"], ["3"]]


@pytest.mark.holds("PG-13", by="hub")
async def test_a_link_is_followed_to_the_letter(world: Pulled, cpo: Recorder) -> None:
    odd = "/partner/2.2.1/sender/locations/%7Ecursor?a=b%2Fc&&x"
    cpo.answers(
        "GET", "/sender/locations", Reply(locations("A"), headers={"Link": f"<{odd}>; rel=next"}), times=1
    )
    await joined(world.hub, cpo, "cpo")
    got = await cpo.receives("GET", "/sender/locations", 2)
    assert f"{got.path}?{got.query}" == odd


async def test_a_platform_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    async with pulling(tmp_path, replace(ONCE, at_once=2, patience=timedelta(seconds=30))) as world:
        slow, quick = await world.partner("CPO BE/SLO"), await world.partner("CPO BE/QUI")
        slow.answers("GET", "/sender/", Fault.HANG)
        await joined(world.hub, slow, "slow")
        await slow.receives("GET", "/sender/")
        Shelf("locations", [LOCATION | {"party_id": "QUI"}]).at(quick)
        await joined(world.hub, quick, "quick")
        assert (await world.ended(platform="quick"))["stored"] == 1
        assert {each["status"] for each in await world.shown("slow")} == {"pulling", "waiting"}


async def test_who_asks_to_be_left_in_peace_is(world: Pulled, cpo: Recorder) -> None:
    busy = Reply(status=429, status_code=2000, headers={"Retry-After": "300"})
    cpo.answers("GET", "/sender/locations", busy)
    await joined(world.hub, cpo, "cpo")
    failed = await world.until(lambda each: each["error"] and each["status"] == "backing off")
    wait = moment(failed["next_at"]) - moment(failed["ended_at"])
    assert timedelta(seconds=295) < wait < timedelta(seconds=305)


async def test_what_cannot_be_pulled_is_refused_in_words(world: Pulled, cpo: Recorder) -> None:
    await world.hub.platforms.invite("cpo")
    assert (await world.now("nobody")).status == 404
    refused = await world.now("cpo")
    assert (refused.status, refused.content["detail"]) == (409, "cpo is not connected")
    invitation = await world.hub.platforms.invite_again("cpo")
    cpo.endpoints = [("locations", "SENDER")]
    assert (await cpo.register(world.hub.versions_url, invitation.token)).code == 1000
    await world.ended()
    refused = await world.now("cpo", module="tariffs")
    assert (refused.status, refused.content["detail"]) == (
        409,
        "cpo has no list of tariffs to pull; it has: locations",
    )


async def test_a_list_that_is_elsewhere_each_time_is_not_read_without_end(
    world: Pulled, cpo: Recorder
) -> None:
    """Such as `;jsessionid=…`, or the nodes behind a balancer: it is followed, and is the same list."""

    def elsewhere(request: Received) -> Reply:
        asked = len(cpo.all("GET", "/sender/locations"))
        if asked % 2 == 0:
            return Reply([LOCATION], headers={"X-Total-Count": "1"})
        url = f"{cpo.endpoint('locations', 'SENDER')};node={asked}?{request.query}"
        return Reply(status=307, headers={"Location": url})

    cpo.answers("GET", "/sender/locations", elsewhere)
    await joined(world.hub, cpo, "cpo")
    assert (await world.ended())["stored"] == 1
    await world.again()
    await world.again()
    await world.again("cpo", "tariffs")
    assert len(cpo.all("GET", "/sender/locations")) == 6
