"""`ocpi-hub agreement` as operators run it: a process of its own, asking a hub that runs."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.admin_hub import AdminHub, admin_hub


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        await admin.hub.signing.settle()
        yield admin


async def test_add_list_show_and_end(admin: AdminHub) -> None:
    about = ("--modules", "locations, tariffs", "--until", "2027-01-01")
    added = await admin.run("agreement", "add", "NL/TNM", "*", *about)
    assert (added.code, added.err) == (0, "")
    assert added.out.splitlines() == [
        "Agreement 1 is in force: NL/TNM and *, locations, tariffs.",
        "No partner has registered NL/TNM yet.",
    ]
    listed = await admin.run("agreement", "list", "--party", "NL/TNM")
    assert re.search(r"1\s+NL/TNM and \*\s+locations, tariffs\s+in-force", listed.out)
    shown = await admin.run("agreement", "show", "1")
    assert re.search(r"^until\s+2027-01-01T00:00:00Z$", shown.out, re.MULTILINE)
    ended = await admin.run("agreement", "end", "1")
    assert (ended.code, ended.out) == (0, "Agreement 1 has ended.\n")


async def test_each_answers_json(admin: AdminHub) -> None:
    added = (await admin.run("agreement", "add", "NL/TNM", "BE/BEC", "--from", "2027-01-01", "--json")).json
    assert (added["id"], added["state"], added["from"]) == (1, "planned", "2027-01-01T00:00:00Z")
    assert (await admin.run("agreement", "show", "1", "--json")).json == added
    assert (await admin.run("agreement", "list", "--json")).json["agreements"] == [added]
    assert (await admin.run("agreement", "end", "1", "--json")).json["state"] == "ended"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "NL/TNM", "somebody"), 2, "parties.1: expected"),
        (("add", "NL/TNM", "BE/BEC", "--from", "soon"), 2, "from: expected 2027-01-01T00:00:00Z"),
        (("add", "NL/TNM", "nl/tnm"), 2, "NL/TNM needs no agreement with itself"),
        (("end", "7"), 1, "there is no agreement 7"),
    ],
)
async def test_what_is_wrong_is_said_and_ends_with_its_code(
    admin: AdminHub, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = await admin.run("agreement", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


async def test_an_open_hub_says_that_agreements_mean_nothing_to_it(tmp_path: Path) -> None:
    async with admin_hub(tmp_path) as admin:
        listed = await admin.run("agreement", "list")
        assert "This hub is open" in listed.out
