"""Broadcast push and GET All: sent to the hub, for everybody concerned (RT-28 to RT-43, RT-52 to RT-57)."""

from contextlib import AsyncExitStack

import pytest

from tests.fixtures.recorder import Fault, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, TARIFF, TOKEN, Roaming, joined

LATER = "2026-01-01T12:00:00Z"
CPO_TOKEN = TOKEN | {"country_code": "BE", "party_id": "BEC", "uid": "1"}
PUSHES = {
    "locations": (CPO, "/BE/BEC/LOC1", LOCATION),
    "tariffs": (CPO, "/BE/BEC/T1", TARIFF),
    "tokens": (EMSP, "/NL/TNM/012345678", TOKEN),
}


@pytest.mark.holds("AM-14", "TR-15", "ST-01", "RT-29", "RT-31", "RT-35", "RT-37", "RT-43", by="hub")
@pytest.mark.parametrize("module", PUSHES)
async def test_what_is_sent_to_the_hub_reaches_the_other_side(world: Roaming, module: str) -> None:
    """RT-28 to RT-31, RT-35 to RT-37, RT-43, TR-15."""
    party, tail, value = PUSHES[module]
    sender, receiver = (world.cpo, world.emsp) if party == CPO else (world.emsp, world.cpo)
    to = EMSP if party == CPO else CPO
    ids = {"X-Request-ID": "asked", "X-Correlation-ID": "story"}
    answer = await sender.call(
        "PUT", world.url(module, "RECEIVER", tail), value, to=HUB, sender=party, headers=ids
    )
    assert (answer.status, answer.code, answer.data) == (201, 1000, None)
    assert (answer.to, answer.sender) == (party, HUB)
    got = await receiver.receives("PUT", f"/receiver/{module}")
    assert got.path == f"/partner/2.2.1/receiver/{module}{tail}"
    assert (got.to, got.sender, got.value) == (to, HUB, value)
    assert (got.correlation_id, got.request_id != "asked") == ("story", True)
    again = await sender.call("PUT", world.url(module, "RECEIVER", tail), value, to=HUB, sender=party)
    assert (again.status, again.code) == (200, 1000)
    assert sender.all("PUT", f"/receiver/{module}") == []


@pytest.mark.holds("RT-31", "RT-33", "RT-34", "AM-58", by="hub")
async def test_only_the_opposite_roles_with_that_module_get_it(world: Roaming) -> None:
    """RT-31 to RT-34, AM-58."""
    async with AsyncExitStack() as stack:

        async def partner(name: str, roles: list[tuple[str, str, str]], **more: object) -> Recorder:
            made = await stack.enter_async_context(Recorder(roles, **more))
            return await joined(world.hub, made, name)

        two = await partner("two", [("EMSP", "DE", "AAA"), ("EMSP", "DE", "BBB")])
        nsp = await partner("nsp", [("NSP", "DE", "NSP")])
        other = await partner("other", [("OTHER", "DE", "OTH")])
        nap = await partner("nap", [("NAP", "DE", "NAP")])
        scsp = await partner("scsp", [("SCSP", "DE", "SCS")])
        rival = await partner("rival", [("CPO", "DE", "CPO")])
        bare = await partner("bare", [("EMSP", "DE", "BAR")], endpoints=[("tokens", "SENDER")])
        url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
        await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)
        for receiver, count in ((world.emsp, 1), (two, 2), (nsp, 1), (other, 1), (nap, 1)):
            await receiver.receives("PUT", "/receiver/locations", count)
        assert {got.to for got in two.all("PUT", "/receiver/locations")} == {"DE/AAA", "DE/BBB"}
        for nobody in (scsp, rival, bare, world.cpo):
            assert nobody.all("PUT", "/receiver/locations") == []


@pytest.mark.holds("ST-12", "RT-30", "RT-40", by="hub")
async def test_the_sender_hears_nothing_of_the_receivers_troubles(world: Roaming) -> None:
    """RT-30, RT-40."""
    world.emsp.answers("PUT", "/receiver/locations", Fault.HANG, times=1)
    world.emsp.answers("PUT", "/receiver/tariffs", Reply(status_code=2001))
    for module in ("locations", "tariffs"):
        _, tail, value = PUSHES[module]
        answer = await world.cpo.call("PUT", world.url(module, "RECEIVER", tail), value, to=HUB, sender=CPO)
        assert (answer.status, answer.code) == (201, 1000)
    await world.emsp.receives("PUT", "/receiver/tariffs")


@pytest.mark.holds("LOC-06", "TR-22", by="hub")
async def test_a_patch_reaches_the_other_side_as_a_patch(world: Roaming) -> None:
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)
    await world.emsp.receives("PUT", "/receiver/locations")
    change = {"status": "CHARGING", "last_updated": LATER}
    answer = await world.cpo.call("PATCH", f"{url}/3256", change, to=HUB, sender=CPO)
    assert (answer.status, answer.code) == (200, 1000)
    got = await world.emsp.receives("PATCH", "/receiver/locations")
    assert (got.path, got.value) == ("/partner/2.2.1/receiver/locations/BE/BEC/LOC1/3256", change)
    listed = await world.emsp.call("GET", world.url("locations", "SENDER"), to=HUB, sender=EMSP)
    (location,) = listed.data
    assert location["evses"][0]["status"] == "CHARGING"
    assert location["last_updated"] == location["evses"][0]["last_updated"] == LATER


@pytest.mark.holds("LOC-08", "AM-17", "TR-22", by="hub")
async def test_a_patch_takes_nothing_away_that_it_does_not_name(world: Roaming) -> None:
    """Receivers get it as it came; what the hub keeps has all that was there before, until a PUT lacks it."""
    evse = LOCATION["evses"][0]
    whole = LOCATION | {"name": "Old", "evses": [evse, evse | {"uid": "2", "floor_level": "-1"}]}
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    await world.cpo.call("PUT", url, whole, to=HUB, sender=CPO)
    await world.emsp.receives("PUT", "/receiver/locations")  # what waits would become one with what follows
    changed = [evse | {"uid": "2", "status": "CHARGING", "last_updated": LATER}]
    for number, (tail, change) in enumerate(
        [
            ("", {"evses": changed, "last_updated": LATER}),
            ("", {"evses": [], "last_updated": LATER}),
            ("/2", {"connectors": evse["connectors"], "last_updated": LATER}),
            ("/2/1", {"max_amperage": 16, "last_updated": LATER}),
        ]
    ):
        assert (await world.cpo.call("PATCH", url + tail, change, to=HUB, sender=CPO)).code == 1000
        assert (await world.emsp.receives("PATCH", "/receiver/locations", number + 1)).value == change
    listing = world.url("locations", "SENDER")
    (kept,) = (await world.emsp.call("GET", listing, to=HUB, sender=EMSP)).data
    assert (kept["name"], [each["uid"] for each in kept["evses"]]) == ("Old", ["3256", "2"])
    second = kept["evses"][1]
    assert (second["floor_level"], second["status"]) == ("-1", "CHARGING")
    assert (second["connectors"][0]["max_amperage"], second["connectors"][0]["format"]) == (16, "SOCKET")
    await world.cpo.call("PUT", url, LOCATION | {"last_updated": LATER}, to=HUB, sender=CPO)
    (kept,) = (await world.emsp.call("GET", listing, to=HUB, sender=EMSP)).data
    assert kept == LOCATION | {"last_updated": LATER}


@pytest.mark.holds("TR-23", "RT-41", by="hub")
async def test_a_receiver_that_lacks_the_object_gets_it_whole(world: Roaming) -> None:
    """RT-41."""
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)
    await world.emsp.receives("PUT", "/receiver/locations")
    world.emsp.answers("PATCH", "/receiver/locations", Reply(status=404, status_code=2003))
    await world.cpo.call("PATCH", url, {"name": "New", "last_updated": LATER}, to=HUB, sender=CPO)
    whole = await world.emsp.receives("PUT", "/receiver/locations", 2)
    assert whole.value == LOCATION | {"name": "New", "last_updated": LATER}
    assert (whole.to, whole.sender) == (EMSP, HUB)


@pytest.mark.holds("RT-42", "AM-06", by="hub")
async def test_a_tariff_is_taken_back_everywhere(world: Roaming) -> None:
    """RT-42."""
    url = world.url("tariffs", "RECEIVER", "/BE/BEC/T1")
    await world.cpo.call("PUT", url, TARIFF, to=HUB, sender=CPO)
    await world.emsp.receives("PUT", "/receiver/tariffs")
    assert (await world.cpo.call("DELETE", url, to=HUB, sender=CPO)).code == 1000
    await world.emsp.receives("DELETE", "/receiver/tariffs/BE/BEC/T1")
    listed = await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=HUB, sender=EMSP)
    assert (listed.data, listed.headers["X-Total-Count"]) == ([], "0")
    assert (await world.cpo.call("DELETE", url, to=HUB, sender=CPO)).status == 404


@pytest.mark.holds("RT-38", "RT-39", "AM-54", by="hub")
@pytest.mark.parametrize(
    ("method", "module", "interface", "tail", "value"),
    [
        ("GET", "locations", "RECEIVER", "/BE/BEC/LOC1", None),
        ("PUT", "sessions", "RECEIVER", "/BE/BEC/S1", {"id": "S1"}),
        ("POST", "cdrs", "RECEIVER", "", {"id": "C1"}),
        ("POST", "commands", "RECEIVER", "/STOP_SESSION", {"session_id": "1"}),
        ("PUT", "chargingprofiles", "RECEIVER", "/S1", {"response_url": "x"}),
        ("PUT", "sessions", "SENDER", "/S1/charging_preferences", {"profile_type": "FAST"}),
        ("GET", "sessions", "RECEIVER", "/BE/BEC/S1", None),
        ("PUT", "tokens", "RECEIVER", "/BE/BEC/1", CPO_TOKEN),
    ],
)  # fmt: skip
async def test_what_is_not_for_everybody_is_refused(
    world: Roaming, method: str, module: str, interface: str, tail: str, value: object
) -> None:
    """RT-38, RT-39, AM-54."""
    sent = {} if value is None else {"value": value}
    answer = await world.cpo.call(method, world.url(module, interface, tail), to=HUB, sender=CPO, **sent)
    assert (answer.status, answer.code) == (200, 2000)
    assert world.emsp.all("*", f"/{module}") == []


@pytest.mark.holds("LOC-12", by="hub")
@pytest.mark.holds("TR-13", "ST-03", by="hub")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"city": None}, "/city"),
        ({"publish": "yes"}, "/publish"),
        ({"coordinates": {"latitude": "51", "longitude": "3.729944"}}, "/coordinates/latitude"),
        ({"evses": [{"uid": "1"}]}, "/evses/0"),
        ({"last_updated": "yesterday"}, "/last_updated"),
    ],
)
async def test_a_broken_object_is_refused_by_name_and_nobody_gets_it(
    world: Roaming, change: dict[str, object], named: str
) -> None:
    """TR-13; design D5."""
    value = {name: each for name, each in (LOCATION | change).items() if each is not None}
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    answer = await world.cpo.call("PUT", url, value, to=HUB, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)
    assert named in answer.envelope["status_message"]
    assert (await world.emsp.call("GET", world.url("locations", "SENDER"), to=HUB, sender=EMSP)).data == []


@pytest.mark.holds("AM-31", "AM-32", "AM-33", "RT-25", by="hub")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"address": "A house number that is longer than 45 letters 12"}, "/address"),
        ({"parking_type": "ON_THE_ROOF"}, "/parking_type"),
        ({"x_new": {"of": [1.50]}}, ""),
        ({"last_updated": "2026-01-01T12:00:00.123456+01:00"}, "/last_updated"),
    ],
)
async def test_what_the_hub_can_live_with_is_kept_as_it_came_and_named_in_the_journal(
    world: Roaming, change: dict[str, object], named: str
) -> None:
    """A receiver that minds may refuse it; the hub would only stand in the way."""
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    ids = {"X-Correlation-ID": "tolerated"}
    answer = await world.cpo.call("PUT", url, LOCATION | change, to=HUB, sender=CPO, headers=ids)
    assert (answer.status, answer.code) == (201, 1000)
    assert (await world.emsp.receives("PUT", "/receiver/locations")).value == LOCATION | change
    listed = await world.emsp.call("GET", world.url("locations", "SENDER"), to=HUB, sender=EMSP)
    assert listed.data == [LOCATION | change]
    assert any(named in each.note for each in world.noted("tolerated"))


@pytest.mark.holds("ST-03", "LOC-07", by="hub")
async def test_a_patch_without_last_updated_is_refused(world: Roaming) -> None:
    """LOC-07, ST-03."""
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO)
    answer = await world.cpo.call("PATCH", url, {"name": "x"}, to=HUB, sender=CPO)
    assert (answer.status, answer.code) == (200, 2001)
    assert "last_updated" in answer.envelope["status_message"]


@pytest.mark.holds("AM-18", "LOC-22", by="hub")
async def test_a_change_of_what_is_not_known_is_refused(world: Roaming) -> None:
    """LOC-22."""
    url = world.url("locations", "RECEIVER", "/BE/BEC/NOPE")
    answer = await world.cpo.call("PATCH", url, {"name": "x", "last_updated": LATER}, to=HUB, sender=CPO)
    assert (answer.status, answer.code) == (404, 2003)


@pytest.mark.holds("RT-52", "RT-53", "PG-06", "PG-07", "PG-08", "PG-11", "PG-18", by="hub")
async def test_get_all_walks_over_the_objects_of_all_owners(world: Roaming) -> None:
    """RT-52, RT-53, PG-05 to PG-11, PG-18."""
    async with Recorder([("CPO", "FR", "XYZ")]) as second:
        await joined(world.hub, second, "second")
        for number in range(4):
            owner, sender = (("FR/XYZ", second), (CPO, world.cpo))[number % 2]
            country_code, party_id = owner.split("/")
            value = LOCATION | {"id": f"L{number}", "country_code": country_code, "party_id": party_id}
            url = world.url("locations", "RECEIVER", f"/{owner}/L{number}")
            await sender.call("PUT", url, value, to=HUB, sender=owner)
        seen = []
        url = world.url("locations", "SENDER", "?limit=3&date_from=2026-01-01T10:00:00")
        while url:
            answer = await world.emsp.call("GET", url, to=HUB, sender=EMSP)
            assert (answer.code, answer.to, answer.sender) == (1000, EMSP, HUB)
            assert answer.headers["X-Total-Count"] == "4"
            seen += [each["id"] for each in answer.data]
            url = answer.headers.get("Link", "")[1:].partition(">")[0]
        assert seen == ["L0", "L1", "L2", "L3"]


@pytest.mark.holds("RT-54", by="hub")
async def test_tokens_are_for_those_who_charge(world: Roaming) -> None:
    """RT-54."""
    async with Recorder([("EMSP", "DE", "RIV")]) as rival:
        await joined(world.hub, rival, "rival")
        url = world.url("tokens", "RECEIVER", "/NL/TNM/012345678")
        await world.emsp.call("PUT", url, TOKEN, to=HUB, sender=EMSP)
        listing = world.url("tokens", "SENDER")
        assert (await world.cpo.call("GET", listing, to=HUB, sender=CPO)).data == [TOKEN]
        assert (await rival.call("GET", listing, to=HUB, sender="DE/RIV")).data == []


@pytest.mark.holds("PG-19", by="hub")
@pytest.mark.parametrize(
    ("query", "name"), [("limit=0", "limit"), ("offset=x", "offset"), ("date_to=x", "date_to")]
)
async def test_a_bad_parameter_is_refused_by_name(world: Roaming, query: str, name: str) -> None:
    """PG-19."""
    url = world.url("locations", "SENDER", f"?{query}")
    answer = await world.emsp.call("GET", url, to=HUB, sender=EMSP)
    assert (answer.status, answer.code) == (200, 2001)
    assert name in answer.envelope["status_message"]


@pytest.mark.holds("RT-56", by="hub")
async def test_one_location_is_read_from_the_hub_at_each_depth(world: Roaming) -> None:
    """RT-56, LOC-03."""
    await world.cpo.call(
        "PUT", world.url("locations", "RECEIVER", "/BE/BEC/LOC1"), LOCATION, to=HUB, sender=CPO
    )
    evse = LOCATION["evses"][0]
    for tail, expected in (("", LOCATION), ("/3256", evse), ("/3256/1", evse["connectors"][0])):
        url = world.url("locations", "SENDER", f"/LOC1{tail}")
        assert (await world.emsp.call("GET", url, to=HUB, sender=EMSP)).data == expected
    for tail in ("/NOPE", "/LOC1/NOPE", "/LOC1/3256/NOPE"):
        answer = await world.emsp.call("GET", world.url("locations", "SENDER", tail), to=HUB, sender=EMSP)
        assert (answer.status, answer.code) == (404, 2003)
