"""Partners as they are: what they do in their own way is found out, put up with, shown, and forgotten.

Decision 0026; docs/quirks.md lists what is observed, and what the hub does about it.
"""

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.directory.quirks import QUIRKS, Quirk
from hub.settings import Pulling
from tests.fixtures.admin_hub import asked, run
from tests.fixtures.recorder import VERSION, Received, Recorder, Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming, joined, registered, roaming, settings
from tests.fixtures.waiting import soon

PATCHED = {"name": "Renamed", "last_updated": "2026-01-02T10:00:00Z"}
BARE_404 = Reply(status=404, body=b"<h1>Not Found</h1>", headers={"Content-Type": "text/html"})
PAGE_FOR_PEOPLE = {"Content-Type": "text/html"}


async def ask(world: Roaming, method: str, path: str, body: Any = None) -> Any:
    """One request to the administration API; its answer."""
    answer = await asked(f"{world.hub.admin_url}/admin/v1", method, path, body, key=world.hub.admin_key)
    assert answer.status == 200, answer.content
    return answer.content


async def quirks(world: Roaming, name: str) -> dict[str, dict[str, Any]]:
    """The quirks of a partner as they are shown, by name and what they are about."""
    shown = (await ask(world, "GET", f"/platforms/{name}"))["quirks"]
    return {f"{each['name']} {each['about']}".rstrip(): each for each in shown}


async def learns(world: Roaming, name: str, quirk: str, value: str) -> dict[str, Any]:
    """Wait until the hub knows a quirk of a partner; what it shows of it."""

    async def is_known() -> bool:
        return (await quirks(world, name)).get(quirk, {}).get("value") == value

    await soon(is_known)
    return (await quirks(world, name))[quirk]


async def unlearns(world: Roaming, name: str, quirk: str) -> None:
    """Wait until a quirk of a partner has ended."""

    async def is_gone() -> bool:
        return quirk not in await quirks(world, name)

    await soon(is_gone)


async def pins(world: Roaming, name: str, **values: str) -> None:
    given = {quirk.replace("_", "-"): value for quirk, value in values.items()}
    await ask(world, "PATCH", f"/platforms/{name}", {"quirks": given})


async def get_locations(world: Roaming) -> Any:
    """The eMSP asks the CPO for its locations."""
    return await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO, sender=EMSP)


async def put_location(world: Roaming, to: str = EMSP, number: int = 1) -> Any:
    """The CPO pushes a location."""
    url = world.url("locations", "RECEIVER", f"/BE/BEC/LOC{number}")
    return await world.cpo.call("PUT", url, LOCATION | {"id": f"LOC{number}"}, to=to, sender=CPO)


async def patch_location(world: Roaming, to: str = HUB, number: int = 1) -> Any:
    """The CPO changes a location."""
    url = world.url("locations", "RECEIVER", f"/BE/BEC/LOC{number}")
    return await world.cpo.call("PATCH", url, PATCHED, to=to, sender=CPO)


async def test_a_platform_that_does_as_ocpi_says_has_no_quirks(world: Roaming) -> None:
    assert (await get_locations(world)).code == 1000
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    assert (await patch_location(world)).code == 1000
    await world.emsp.until(lambda: b"Renamed" in world.emsp.all("*", "/receiver/locations")[-1].body)

    async def is_seen_to_push() -> bool:
        return (await ask(world, "GET", "/platforms/cpo"))["pushes"] == "yes"

    await soon(is_seen_to_push)
    assert (await ask(world, "GET", "/platforms/emsp"))["pushes"] == "unknown"
    assert await quirks(world, "cpo") == await quirks(world, "emsp") == {}


# Tokens (TR-06, AM-02).


def takes_only(encoding: str) -> Callable[[Received], Reply | None]:
    """A platform that understands its token in one encoding."""

    def answer(received: Received) -> Reply | None:
        shown = received.headers.get("Authorization", "").partition(" ")[2]
        is_raw = shown.startswith("recorder-")
        return None if is_raw == (encoding == "raw") else Reply(status=401, status_code=2000)

    return answer


@pytest.mark.holds("TR-06", by="hub")
async def test_a_platform_that_wants_its_token_plain_is_registered_and_spoken_to_so(world: Roaming) -> None:
    async with Recorder([("CPO", "FR", "XYZ")]) as plain:
        plain.answers("*", "", takes_only("raw"))
        await registered(world.hub, plain, "plain")
        assert (await learns(world, "plain", "token", "raw"))["source"] == "observed"
        answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to="FR/XYZ", sender=EMSP)
        assert answer.code == 1000
        plain.is_honest_again()
        plain.answers("*", "", takes_only("base64"))
        await world.emsp.call("GET", world.url("locations", "SENDER"), to="FR/XYZ", sender=EMSP)
        await unlearns(world, "plain", "token")
        answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to="FR/XYZ", sender=EMSP)
        assert answer.code == 1000


@pytest.mark.holds("TR-06", by="hub")
async def test_the_hub_registers_where_tokens_are_wanted_plain(world: Roaming) -> None:
    async with Recorder([("CPO", "FR", "XYZ")]) as plain:
        plain.answers("*", "", takes_only("raw"))
        platform = await world.hub.registering.register_at(
            "plain", plain.versions_url, plain.accept_new_token()
        )
        assert platform.token_encoding == "raw"
        await learns(world, "plain", "token", "raw")
        assert [each.path for each in plain.all("POST")] == ["/partner/2.2.1/credentials"]


async def test_a_pinned_encoding_holds_and_no_other_is_tried(world: Roaming) -> None:
    await pins(world, "cpo", token="base64")
    world.cpo.answers("*", "", takes_only("raw"))
    assert (await get_locations(world)).code == 4000
    await world.cpo.receives("GET", "/versions")  # asked whether it is alive
    assert {each.headers["Authorization"] for each in world.cpo.all()} == {
        f"Token {base64.b64encode((each.token or '').encode()).decode()}" for each in world.cpo.all()
    }
    assert (await quirks(world, "cpo"))["token"]["source"] == "pinned"


async def test_how_a_platform_shows_its_own_token_is_noted(world: Roaming) -> None:
    shown = {"Authorization": f"TOKEN {world.cpo.outbound_token}", "X-Request-ID": ""}
    answer = await world.cpo.call("GET", world.hub.versions_url, token=None, headers=shown)
    assert answer.code == 1000
    await learns(world, "cpo", "token-shown", "raw")
    await learns(world, "cpo", "token-scheme", "other")
    known = await learns(world, "cpo", "ids-in-requests", "missing")
    assert known["correlation_id"] == answer.headers["X-Correlation-ID"]


# Where its URLs really are (AM-35).


def redirecting(status: int, to: Callable[[Received], str | None]) -> Callable[[Received], Reply | None]:
    """Redirects what the function has another URL for."""

    def answer(received: Received) -> Reply | None:
        target = to(received)
        return None if target is None else Reply(status=status, body=b"", headers={"Location": target})

    return answer


def wanting_slash(received: Received) -> str | None:
    if received.path.endswith("/"):
        return None
    return f"{received.path}/?{received.query}" if received.query else f"{received.path}/"


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.holds("RT-26", by="hub")
async def test_a_redirect_to_the_same_url_with_a_slash_is_followed_and_learnt(
    world: Roaming, status: int
) -> None:
    world.emsp.answers("PUT", "/receiver/locations", redirecting(status, wanting_slash))
    assert (await put_location(world)).code == 1000
    first, second = world.emsp.all("PUT", "/receiver/locations")
    assert (second.path, second.body, second.token) == (f"{first.path}/", first.body, first.token)
    assert second.request_id != first.request_id
    assert second.correlation_id == first.correlation_id
    await learns(world, "emsp", "trailing-slash locations RECEIVER", "all")
    assert (await put_location(world)).code == 1000
    assert [each.path[-1] for each in world.emsp.all("PUT", "/receiver/locations")] == ["1", "/", "/"]


async def test_a_module_that_moved_is_followed_and_found_there_from_then_on(world: Roaming) -> None:
    def moved(received: Received) -> str | None:
        is_old = received.path.startswith("/partner/2.2.1/receiver/locations")
        return received.path.replace("/receiver/", "/v2/") if is_old else None

    world.emsp.answers("*", "/receiver/locations", redirecting(307, moved))
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/v2/locations/BE/BEC/LOC1")
    new_url = f"{world.emsp.url}/partner/2.2.1/v2/locations"
    assert (await learns(world, "emsp", "redirect locations RECEIVER", new_url))["usual"] == "no"
    assert (await put_location(world, number=2)).code == 1000
    assert len(world.emsp.all("PUT", "/receiver/locations")) == 1
    assert len(world.emsp.all("PUT", "/v2/locations")) == 2


async def test_a_url_that_was_learnt_and_fails_is_given_up_for_the_registered_one(world: Roaming) -> None:
    def moved(received: Received) -> str | None:
        return received.path.replace("/receiver/", "/v2/")

    world.emsp.answers("PUT", "/receiver/locations", redirecting(307, moved), times=1)
    assert (await put_location(world)).code == 1000
    new_url = f"{world.emsp.url}/partner/2.2.1/v2/locations"
    await learns(world, "emsp", "redirect locations RECEIVER", new_url)
    world.emsp.answers("PUT", "/v2/", BARE_404)
    for _ in range(3):
        assert (await put_location(world)).code == 4000
    await unlearns(world, "emsp", "redirect locations RECEIVER")
    assert (await put_location(world)).code == 1000
    assert world.emsp.all("PUT")[-1].path.startswith("/partner/2.2.1/receiver/locations")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_leads_the_token_to_another_host(world: Roaming, status: int) -> None:
    """Design D10, CMD-10: neither in a relay, nor in a delivery, nor in a handshake."""
    async with Recorder() as elsewhere:
        lure = redirecting(status, lambda received: f"{elsewhere.url}{received.path}")
        for partner in (world.cpo, world.emsp):
            partner.answers("*", "/receiver/", lure)
            partner.answers("*", "/sender/", lure)
            partner.answers("*", "/credentials", lure)
        answer = await asked(
            f"{world.hub.admin_url}/admin/v1", "POST", "/platforms/cpo/rotate", key=world.hub.admin_key
        )
        assert answer.status == 502
        assert (await get_locations(world)).code == 4000
        assert (await put_location(world)).code == 4000
        assert (await put_location(world, HUB)).code == 1000
        await world.emsp.receives("PUT", "/receiver/locations", 2)
        assert elsewhere.received == []
        assert await quirks(world, "cpo") == {}


async def test_redirects_in_a_circle_end(world: Roaming) -> None:
    world.cpo.answers("GET", "/sender/locations", redirecting(307, lambda received: received.path))
    assert (await get_locations(world)).code == 4000
    assert len(world.cpo.all("GET", "/sender/locations")) == 3


async def test_a_redirect_is_not_followed_where_an_operator_says_so(world: Roaming) -> None:
    await pins(world, "emsp", redirect="no")
    world.emsp.answers("PUT", "/receiver/locations", redirecting(307, wanting_slash))
    assert (await put_location(world)).code == 4000
    assert len(world.emsp.all("PUT", "/receiver/locations")) == 1


async def test_versions_that_are_found_with_a_slash_only_are_found(world: Roaming) -> None:
    async with Recorder([("CPO", "FR", "XYZ")]) as partner:
        partner.answers(
            "GET", "/versions", lambda received: None if received.path.endswith("/") else BARE_404
        )
        await world.hub.registering.register_at("slashed", partner.versions_url, partner.accept_new_token())
        await learns(world, "slashed", "trailing-slash versions", "module")
        partner.received.clear()
        await ask(world, "POST", "/platforms/slashed/rotate")
        assert partner.all("GET", "/versions")[0].path == "/partner/versions/"


# Objects of a handshake (AM-34, TR-38).


async def test_small_letters_are_read_and_a_party_is_addressed_as_it_spells_itself(world: Roaming) -> None:
    async with Recorder([("cpo", "fr", "xyz")]) as small:
        await registered(world.hub, small, "small")
        await learns(world, "small", "lower-case", "yes")
        await world.emsp.call("GET", world.url("locations", "SENDER"), to="FR/XYZ", sender=EMSP)
        assert small.all("GET", "/sender/locations")[0].to == "fr/xyz"
        small.roles = [("CPO", "FR", "XYZ")]
        assert (await small.update()).code == 1000
        await unlearns(world, "small", "lower-case")


async def test_a_single_object_is_read_as_a_list_of_one_and_null_as_nothing(world: Roaming) -> None:
    async with Recorder([("CPO", "FR", "XYZ")]) as odd:
        version = {"version": VERSION, "url": f"{odd.url}/partner/{VERSION}"}
        details = {"version": VERSION, "endpoints": [None, *odd.offered()]}
        odd.answers("GET", "/partner/versions", Reply(version))
        odd.answers("GET", f"/partner/{VERSION}", Reply(details))
        invitation = await world.hub.platforms.invite("odd")
        await odd.read_platform(world.hub.versions_url, invitation.token)
        credentials = odd.credentials(odd.accept_new_token())
        credentials["roles"] = credentials["roles"][0]
        url = odd.far_end["credentials", "SENDER"]
        answer = await odd.call("POST", url, credentials, token=invitation.token)
        assert answer.code == 1000, answer.body
        assert (await learns(world, "odd", "single-object", "yes"))["count"] == 2
        await learns(world, "odd", "nulls", "yes")


# What is missing from answers and requests (RT-05, RT-09, RT-23, AM-45).


@pytest.mark.holds("RT-09", by="hub")
async def test_what_lacks_in_answers_is_filled_in_and_what_ends_is_forgotten(world: Roaming) -> None:
    """A quirk ends when OCPI's own was seen twenty times in a row."""
    bare = {"X-Request-ID": "", "X-Correlation-ID": "", "OCPI-to-party-id": "", "OCPI-from-party-id": ""}
    world.cpo.answers("GET", "/sender/locations", Reply([], headers=bare), times=2)
    answer = await get_locations(world)
    assert (answer.to, answer.sender) == (EMSP, CPO)
    assert answer.headers["X-Request-ID"]
    known = await learns(world, "cpo", "ids-in-answers", "missing")
    assert known["correlation_id"] == answer.headers["X-Correlation-ID"]
    await learns(world, "cpo", "routing-in-answers", "missing")
    for _ in range(20):
        await get_locations(world)
    assert "ids-in-answers" in await quirks(world, "cpo")  # one of the twenty lacked them
    await get_locations(world)
    await unlearns(world, "cpo", "ids-in-answers")
    await unlearns(world, "cpo", "routing-in-answers")


@pytest.mark.holds("RT-05", by="hub")
async def test_a_request_without_its_sender_is_from_the_only_party(world: Roaming) -> None:
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to=CPO)
    assert answer.code == 1000
    assert world.cpo.all("GET", "/sender/locations")[0].sender == EMSP
    await learns(world, "emsp", "routing-in-requests", "missing")


async def test_an_empty_link_ends_the_list(world: Roaming) -> None:
    world.cpo.answers("GET", "/sender/locations", Reply([], headers={"Link": ""}))
    answer = await get_locations(world)
    assert "Link" not in answer.headers
    await learns(world, "cpo", "empty-link", "yes")


@pytest.mark.parametrize("status", [200, 201])
async def test_200_and_201_are_success_alike(world: Roaming, status: int) -> None:
    world.cpo.answers("GET", "/sender/locations", Reply([], status=status))
    assert (await get_locations(world)).code == 1000
    world.emsp.answers("PUT", "/receiver/locations", Reply(status=status))
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    if status == 201:
        await learns(world, "cpo", "created", "always")
    assert [each["dead_letters"] for each in (await ask(world, "GET", "/platforms/emsp"))["deliveries"]] == [
        0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(("status", "http_status"), [(404, 404), (405, 405), (400, 200), (500, 200)])
@pytest.mark.holds("RT-16", by="hub")
async def test_an_error_without_an_envelope_gets_one(world: Roaming, status: int, http_status: int) -> None:
    """RT-16: always 4000; but a 404 or 405 is kept, since the asker acts upon it (TR-23)."""
    world.cpo.answers("GET", "/sender/locations", Reply(status=status, body=b"no", headers=PAGE_FOR_PEOPLE))
    answer = await get_locations(world)
    assert (answer.status, answer.code) == (http_status, 4000)
    await learns(world, "cpo", "bare-errors", "yes")


# No PATCH (TR-23).


@pytest.mark.parametrize("status", [405, 501])
@pytest.mark.holds("RT-41", by="hub")
async def test_a_platform_that_knows_no_patch_is_sent_the_whole_object(world: Roaming, status: int) -> None:
    world.emsp.answers("PATCH", "", Reply(status=status, body=b"", headers=PAGE_FOR_PEOPLE))
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    assert (await patch_location(world)).code == 1000
    second = await world.emsp.receives("PUT", "/receiver/locations", 2)
    assert (second.value["name"], second.value["city"]) == ("Renamed", "Gent")
    await learns(world, "emsp", "patch", "no")
    assert (await patch_location(world)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations", 3)
    assert len(world.emsp.all("PATCH")) == 1


@pytest.mark.parametrize("reply", [BARE_404, Reply(status_code=2000), Reply(status_code=3000)])
async def test_a_patch_that_fails_in_general_three_times_is_given_up(world: Roaming, reply: Reply) -> None:
    world.emsp.answers("PATCH", "", reply)
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    for count in range(1, 5):
        assert (await patch_location(world)).code == 1000
        await world.emsp.receives("PUT", "/receiver/locations", 1 + count)
        if count == 3:
            await learns(world, "emsp", "patch", "no")
    assert len(world.emsp.all("PATCH")) == 3


async def test_a_platform_that_lacks_the_object_is_not_taken_for_one_without_patch(world: Roaming) -> None:
    world.emsp.answers("PATCH", "", Reply(status=404, status_code=2003))
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    for count in range(1, 5):
        assert (await patch_location(world)).code == 1000
        await world.emsp.receives("PUT", "/receiver/locations", 1 + count)
    assert len(world.emsp.all("PATCH")) == 4
    assert await quirks(world, "emsp") == {}


@pytest.mark.holds("RT-17", by="hub")
async def test_a_relayed_patch_stays_a_patch(world: Roaming) -> None:
    """Design D1: it is the sender's word, and the addressee's refusal is the answer."""
    await pins(world, "emsp", patch="no")
    world.emsp.answers("PATCH", "", Reply(status=405, status_code=2000))
    answer = await patch_location(world, EMSP)
    assert (answer.status, answer.code) == (405, 2000)
    assert [each.method for each in world.emsp.all("*", "/receiver/locations")] == ["PATCH"]


# Lists that are pulled (TR-30, AM-35).


@pytest.fixture
async def pulled(tmp_path: Path) -> AsyncIterator[tuple[Roaming, Recorder]]:
    """A hub that pulls, and a CPO that is not registered yet."""
    pulling = Pulling(settling=timedelta(0), patience=timedelta(seconds=2))
    async with (
        roaming(tmp_path, replace(settings(tmp_path), pulling=pulling)) as world,
        Recorder([("CPO", "FR", "XYZ")]) as cpo,
    ):
        yield world, cpo


async def has_location(world: Roaming, name: str | None = None) -> None:
    """Wait until the eMSP was sent the location of FR/XYZ."""

    def is_it(received: Received) -> bool:
        return received.is_for("PUT", "/FR/XYZ/LOC1") and received.value.get("name") == name

    await world.emsp.until(lambda: any(map(is_it, world.emsp.received)))


THEIRS = LOCATION | {"country_code": "FR", "party_id": "XYZ"}


@pytest.mark.holds("TR-29", by="hub")
async def test_a_list_that_wants_a_slash_and_is_no_list_is_pulled(pulled: tuple[Roaming, Recorder]) -> None:
    world, cpo = pulled
    page = Reply(THEIRS, headers={"Link": "<>", "X-Total-Count": "1"})
    cpo.answers(
        "GET", "/sender/locations", lambda received: page if received.path.endswith("/") else BARE_404
    )
    cpo.answers("GET", "/sender/tariffs", Reply(None))
    await joined(world.hub, cpo, "odd")
    await has_location(world)
    await learns(world, "odd", "trailing-slash locations SENDER", "module")
    await learns(world, "odd", "single-object", "yes")
    await learns(world, "odd", "empty-link", "yes")
    await learns(world, "odd", "nulls", "yes")
    answer = await world.emsp.call("GET", world.url("locations", "SENDER"), to="FR/XYZ", sender=EMSP)
    assert answer.code == 1000
    assert cpo.all("GET", "/sender/locations")[-1].path.endswith("/locations/")


@pytest.mark.holds("TR-30", by="hub")
async def test_a_platform_whose_objects_change_in_silence_does_not_push(
    pulled: tuple[Roaming, Recorder],
) -> None:
    world, cpo = pulled
    cpo.answers("GET", "/sender/locations", Reply([THEIRS]))
    await joined(world.hub, cpo, "silent")
    await has_location(world)
    assert await quirks(world, "silent") == {}
    cpo.answers(
        "GET",
        "/sender/locations",
        Reply([THEIRS | {"name": "New", "last_updated": "2026-01-02T10:00:00Z"}]),
    )
    asked_for = {"platform": "silent", "module": "locations", "is_full": False}
    await ask(world, "POST", "/pulls", asked_for)
    await has_location(world, "New")
    await learns(world, "silent", "push", "no")
    url = world.url("locations", "RECEIVER", "/FR/XYZ/LOC1")
    assert (await cpo.call("PUT", url, THEIRS, to=HUB, sender="FR/XYZ")).code == 1000
    await unlearns(world, "silent", "push")


# What an operator pins.


async def test_a_pin_holds_whatever_is_observed_until_it_is_taken_away(world: Roaming) -> None:
    await pins(world, "emsp", patch="no")
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    assert (await patch_location(world)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations", 2)
    assert world.emsp.all("PATCH") == []
    known = (await quirks(world, "emsp"))["patch"]
    assert (known["value"], known["source"], known["count"]) == ("no", "pinned", 0)
    await pins(world, "emsp", patch="auto")
    assert await quirks(world, "emsp") == {}
    assert (await patch_location(world)).code == 1000
    await world.emsp.receives("PATCH", "/receiver/locations")


async def test_a_pin_against_a_quirk_keeps_it_from_being_learnt(world: Roaming) -> None:
    await pins(world, "emsp", patch="yes")
    world.emsp.answers("PATCH", "", Reply(status=405, status_code=2000))
    assert (await put_location(world, HUB)).code == 1000
    await world.emsp.receives("PUT", "/receiver/locations")
    for count in (1, 2):
        assert (await patch_location(world)).code == 1000
        await world.emsp.receives("PUT", "/receiver/locations", 1 + count)
    assert len(world.emsp.all("PATCH")) == 2
    assert (await quirks(world, "emsp"))["patch"]["value"] == "yes"


async def test_an_operator_pins_and_sees_quirks_at_the_command_line(world: Roaming) -> None:
    environment = {"OCPI_HUB_ADMIN_URL": world.hub.admin_url, "OCPI_HUB_ADMIN_KEY": world.hub.admin_key}
    pinned = await run("partner", "set", "emsp", "--quirk", "patch=no", **environment)
    assert pinned.code == 0, pinned.err
    shown = await run("partner", "show", "emsp", **environment)
    row = next(line for line in shown.out.splitlines() if line.strip().startswith("patch"))
    assert row.split()[:3] == ["patch", "no", "pinned"]
    wrong = await run("partner", "set", "emsp", "--quirk", "patch=perhaps", **environment)
    assert wrong.code == 2
    assert "expected yes, no or auto, got perhaps" in wrong.err
    found = await run("partner", "show", "emsp", "--json", **environment)
    assert [each["name"] for each in found.json["quirks"]] == ["patch"]


@pytest.mark.parametrize("pin", [{"patch": "perhaps"}, {"colour": "red"}, {"redirect": "http://x"}])
async def test_what_no_quirk_can_be_is_not_pinned(world: Roaming, pin: dict[str, str]) -> None:
    answer = await asked(
        f"{world.hub.admin_url}/admin/v1",
        "PATCH",
        "/platforms/emsp",
        {"quirks": pin},
        key=world.hub.admin_key,
    )
    assert answer.status == 400
    assert await quirks(world, "emsp") == {}


def test_every_quirk_is_written_down_for_operators() -> None:
    """docs/quirks.md says of each what the data says."""
    text = (Path(__file__).parents[2] / "docs" / "quirks.md").read_text()
    for quirk in Quirk:
        each = QUIRKS[quirk]
        values = ", ".join(f"`{value}`" for value in each.odd) or "a URL"
        row = f"| `{quirk}` | {each.observed} | {each.usual} | {values} | {each.done} | {each.where} |"
        assert row in text, row
