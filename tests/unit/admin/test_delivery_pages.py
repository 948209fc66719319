"""Deliveries by way of the administration API and the program: a hub that delivers, and who refuses."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.admin_hub import Answer, Run, asked, run
from tests.fixtures.recorder import Reply
from tests.fixtures.roaming import CPO, EMSP, HUB, LOCATION, Roaming, roaming
from tests.fixtures.waiting import soon


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    async with roaming(tmp_path) as made:
        yield made


async def ask(world: Roaming, method: str, path: str, **more: Any) -> Answer:
    return await asked(world.hub.admin_url, method, f"/admin/v1{path}", key=world.hub.admin_key, **more)


async def program(world: Roaming, *arguments: str) -> Run:
    return await run(
        *arguments, OCPI_HUB_ADMIN_URL=world.hub.admin_url, OCPI_HUB_ADMIN_KEY=world.hub.admin_key
    )


async def refused_location(world: Roaming) -> dict[str, Any]:
    """The dead letter of a location that the eMSP refused."""
    world.emsp.answers("PUT", "/receiver/locations", Reply(status_code=2001, status_message="no coffee"))
    url = world.url("locations", "RECEIVER", "/BE/BEC/LOC1")
    ids = {"X-Correlation-ID": "corr-1"}
    assert (await world.cpo.call("PUT", url, LOCATION, to=HUB, sender=CPO, headers=ids)).code == 1000

    async def is_refused() -> bool:
        return bool((await ask(world, "GET", "/deliveries")).content["dead_letters"])

    await soon(is_refused)
    [letter] = (await ask(world, "GET", "/deliveries")).content["dead_letters"]
    return dict(letter)


async def test_a_refused_change_is_shown_with_everything_that_an_operator_asks(world: Roaming) -> None:
    letter = await refused_location(world)
    shown = {name: letter[name] for name in letter if name not in {"id", "refused_at"}}
    assert shown == {
        "platform": "emsp",
        "receiver": "NL/TNM EMSP",
        "module": "locations",
        "method": "PUT",
        "tail": "/BE/BEC/LOC1",
        "http_status": 200,
        "status_code": 2001,
        "reason": letter["reason"],
        "correlation_id": "corr-1",
    }
    assert "no coffee" in letter["reason"]


async def test_each_receiver_is_shown_with_how_far_it_is(world: Roaming) -> None:
    await refused_location(world)

    async def all_is_told() -> bool:
        receivers = (await ask(world, "GET", "/deliveries")).content["receivers"]
        return all(each["waiting"] == 0 and each["status"] == "idle" for each in receivers)

    await soon(all_is_told)
    receivers = (await ask(world, "GET", "/deliveries")).content["receivers"]
    found = {(each["platform"], each["receiver"]): each["dead_letters"] for each in receivers}
    assert found[("emsp", f"{EMSP} EMSP")] == 1
    assert found[("cpo", f"{CPO} CPO")] == 0
    only = (await ask(world, "GET", "/deliveries", query={"platform": "cpo"})).content
    assert {each["platform"] for each in only["receivers"]} == {"cpo"}
    assert only["dead_letters"] == []
    platform = (await ask(world, "GET", "/platforms/emsp")).content
    assert sum(each["dead_letters"] for each in platform["deliveries"]) == 1


async def test_what_is_sent_again_arrives_and_is_no_dead_letter_any_more(world: Roaming) -> None:
    letter = await refused_location(world)
    again = await ask(world, "POST", f"/dead-letters/{letter['id']}/resend")
    assert (again.content["is_delivered"], again.content["verdict"]) == (False, "refused")
    world.emsp.is_honest_again()
    # The one that was refused a second time is the same letter, under the same or another number.
    [letter] = (await ask(world, "GET", "/deliveries")).content["dead_letters"]
    taken = await ask(world, "POST", f"/dead-letters/{letter['id']}/resend")
    assert (taken.content["is_delivered"], taken.content["status_code"]) == (True, 1000)
    assert world.emsp.all("PUT", "/receiver/locations")[-1].value == LOCATION
    assert (await ask(world, "GET", "/deliveries")).content["dead_letters"] == []


async def test_a_dead_letter_is_not_sent_to_somebody_who_is_suspended(world: Roaming) -> None:
    letter = await refused_location(world)
    await ask(world, "POST", "/platforms/emsp/suspend")
    answer = await ask(world, "POST", f"/dead-letters/{letter['id']}/resend")
    assert answer.status == 409


@pytest.mark.parametrize(("number", "status"), [("999", 404), ("one", 400)])
async def test_a_dead_letter_that_nobody_knows_is_named(world: Roaming, number: str, status: int) -> None:
    answer = await ask(world, "POST", f"/dead-letters/{number}/resend")
    assert answer.status == status
    assert number in answer.content["detail"]


async def test_deliveries_of_an_unknown_platform_are_refused(world: Roaming) -> None:
    assert (await ask(world, "GET", "/deliveries", query={"platform": "nobody"})).status == 404


async def test_the_program_shows_deliveries_and_sends_again(world: Roaming) -> None:
    letter = await refused_location(world)
    shown = await program(world, "deliveries")
    assert shown.code == 0
    for part in ("NL/TNM EMSP", "PUT locations/BE/BEC/LOC1", "no coffee", "corr-1"):
        assert part in shown.out
    assert (await program(world, "deliveries", "--partner", "cpo", "--json")).json["dead_letters"] == []
    number = str(letter["id"])
    refused = await program(world, "deliveries", "--resend", number)
    assert (refused.code, refused.out[:13]) == (1, "Not delivered")
    world.emsp.is_honest_again()
    assert (await program(world, "deliveries", "--resend", number)).code == 0
    gone = await program(world, "deliveries", "--resend", number, "--json")
    assert (gone.code, gone.out) == (1, "")
    assert "Nothing was refused" in (await program(world, "deliveries")).out
