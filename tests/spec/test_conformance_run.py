"""The tester for partners' platforms: it finds what is wrong, and nothing where nothing is."""

import asyncio
import socket
import uuid
import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli.program import app
from hub.conformance.formats import as_json, as_junit, as_text
from hub.conformance.report import Check, Outcome, Report
from hub.conformance.run import Plan, run
from hub.conformance.walking import SMALL, SMALL_PAGES, Reach
from hub.directory.tokens import new_token
from hub.http.client import http_transport
from hub.http.serving import listening
from hub.ocpi.party import Party
from hub.ocpi.timestamps import utc_now
from schemas import exact_json
from tests.fixtures.cpo_world import CpoNode, cpo_settings
from tests.fixtures.emsp_world import APP, EVERYWHERE, RFID, EmspNode, EmspSettings, NodeSettings
from tests.fixtures.roaming import roaming
from tests.fixtures.wrong_partner import wrong_partner

TESTER = Party("NL", "TST")
PATIENCE = timedelta(seconds=5)

#: Each fault with the row whose check must fail, and where.
FAULTS = {
    "no request id": ("TR-17", "every answer"),
    "text/plain": ("TR-08", "every answer"),
    "no timestamp": ("TR-08", "every answer"),
    "html for 404": ("TR-16", "every answer"),
    "pairs not swapped": ("RT-07", "every answer"),
    "no 2.2.1": ("VE-01", "versions"),
    "endpoint twice": ("VE-04", "version details"),
    "open to strangers": ("TR-02", "strangers"),
    "credentials of another": ("CR-12", "credentials"),
    "no total": ("PG-10", "locations SENDER"),
    "wrong total": ("PG-08", "locations SENDER"),
    "limit ignored": ("PG-09", "locations SENDER"),
    "no link": ("PG-08", "locations SENDER"),
    "circle of links": ("PG-06", "locations SENDER"),
    "link to elsewhere": ("PG-13", "locations SENDER"),
    "overlapping pages": ("PG-11", "locations SENDER"),
    "link without filters": ("PG-07", "locations SENDER"),
    "date_from exclusive": ("PG-02", "tariffs SENDER"),
    "date_to inclusive": ("PG-03", "tariffs SENDER"),
    "dates ignored": ("PG-02", "locations SENDER"),
    "falls over parameters": ("PG-19", "tokens SENDER"),
    "no list where nothing is": ("TR-09", "locations SENDER"),
    "broken object": ("TR-38", "locations SENDER"),
    "foreign object": ("TR-28", "tariffs SENDER"),
    "unknown is found": ("LOC-03", "locations SENDER"),
    "no evses": ("LOC-03", "locations SENDER"),
    "unknown token is allowed": ("TOK-11", "tokens SENDER"),
    "no call back": ("CR-04", "handshake"),
    "raw token": ("TR-01", "its requests"),
    "no ids of its own": ("TR-17", "its requests"),
    "registers twice": ("CR-07", "handshake"),
    "token a lives": ("CR-06", "handshake"),
    "delete does nothing": ("CR-13", "handshake"),
    "put merges": ("TR-21", "locations RECEIVER"),
    "patch replaces": ("TR-22", "tokens RECEIVER"),
    "patch without last_updated": ("ST-03", "locations RECEIVER"),
    "takes anything for json": ("TR-12", "tariffs RECEIVER"),
    "takes what is incomplete": ("TR-13", "tokens RECEIVER"),
    "ids ignored": ("TR-27", "tariffs RECEIVER"),
    "any method": ("TR-40", "tariffs RECEIVER"),
    "deletes nothing": ("TAR-02", "tariffs RECEIVER"),
}


async def report_on(url: str, token: str, *, handshake: bool = True, reach: Reach | None = None) -> Report:
    """The report on a platform, read and written."""
    with listening("127.0.0.1", 0) as port:
        async with http_transport(
            connect=PATIENCE, largest_reply=10**7, allow_private_networks=True
        ) as transport:
            plan = Plan(
                url,
                token,
                TESTER,
                port=port if handshake else None,
                writes=True,
                patience=PATIENCE,
                reach=reach or Reach(),
            )
            return await run(
                plan, transport, clock=utc_now, new_id=lambda: str(uuid.uuid4()), new_token=new_token
            )


def failed(report: Report) -> set[tuple[str, str]]:
    return {
        (row, check.subject)
        for check in report.checks
        if check.outcome is Outcome.FAILED
        for row in check.rows
    }


def told(report: Report) -> str:
    return "\n".join(as_text(report))


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_of_a_partner_is_found(fault: str) -> None:
    async with wrong_partner(fault) as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
    assert FAULTS[fault] in failed(report), told(report)


async def test_a_partner_without_faults_has_none() -> None:
    """And nothing of what was pushed stays in force."""
    async with wrong_partner() as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
        assert failed(report) == set(), told(report)
        assert report.count(Outcome.SKIPPED) == 0
        assert [value.get("valid", value.get("publish")) for value in partner.pushed.values()] == [
            False,
            False,
        ]
        assert partner.tokens == {}


async def test_what_is_wrong_with_an_object_is_named_by_id_and_pointer() -> None:
    async with wrong_partner("broken object") as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
    (check,) = (each for each in report.checks if each.title.startswith("each object is a Location"))
    assert [str(each) for each in check.problems] == ["BE/BEC/N3 /city: expected this field: it is required"]


def check_of(report: Report, title: str, subject: str = "locations SENDER") -> Check:
    (check,) = (each for each in report.checks if each.subject == subject and each.title.startswith(title))
    return check


async def test_the_last_objects_of_a_long_list_are_looked_at_too() -> None:
    async with wrong_partner("broken object far behind", locations=64, page=7) as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
    valid = check_of(report, "each object is a Location")
    assert [str(each) for each in valid.problems] == ["BE/BEC/N62 /city: expected this field: it is required"]
    assert failed(report) == {("TR-36", "locations SENDER"), ("TR-38", "locations SENDER")}, told(report)


async def test_a_long_list_is_read_in_pages_as_large_as_the_platform_makes_them() -> None:
    async with wrong_partner(locations=250) as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
        asked = [each for each in partner.asked if each.startswith("/ocpi/2.2.1/sender/locations?")]
    assert failed(report) == set(), told(report)
    assert sum(f"limit={SMALL}" in each for each in asked) == SMALL_PAGES
    assert sum(each.endswith("limit=100") for each in asked) == 2


@pytest.mark.parametrize(
    ("reach", "read"), [(Reach(pages=5), 35), (Reach(objects=21), 21), (Reach(time=timedelta(0)), 0)]
)
async def test_a_list_that_is_not_read_to_its_end_is_said(reach: Reach, read: int) -> None:
    async with wrong_partner("broken object far behind", locations=64, page=7) as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a, reach=reach)
    links = check_of(report, "the links lead over all pages")
    total = 64 if read else "an unknown number of"
    (problem,) = links.problems
    assert f"{read} of {total} objects on {read // 7} pages were looked at" in problem.message
    assert links.outcome is Outcome.WARNED
    assert not [
        each
        for each in report.checks
        if each.subject == "locations SENDER"
        and "X-Total" in each.title
        and each.title.startswith("the pages hold")
    ]


@pytest.mark.parametrize("fault", ["link to elsewhere", "link to elsewhere far behind"])
async def test_nothing_is_sent_to_another_host_that_a_link_leads_to(fault: str) -> None:
    """The token would go there."""
    async with wrong_partner(fault, locations=64, page=7) as partner, wrong_partner() as stranger:
        partner.elsewhere = stranger.url
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
        assert stranger.asked == []
    links = check_of(report, "the links lead over all pages")
    assert links.outcome is Outcome.FAILED
    assert all("another host" in each.message for each in links.problems)


async def test_what_is_twice_far_behind_is_found() -> None:
    async with wrong_partner(locations=64, page=7) as partner:
        partner.lists["locations"][60] = partner.lists["locations"][3]
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
    complete = check_of(report, "the pages hold each object once")
    assert [each.message for each in complete.problems] == [
        "BE/BEC/N3 is on more than one page, or twice on one"
    ]


async def test_the_one_location_with_evses_is_found_wherever_it_is() -> None:
    async with wrong_partner(locations=130) as partner:
        for each in partner.lists["locations"][:-1]:
            del each["evses"]
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
    assert check_of(report, "a location, an EVSE and a connector").outcome is Outcome.PASSED


async def test_our_own_emsp_has_no_faults() -> None:
    settings = EmspSettings(
        node=NodeSettings(party=Party("NL", "EMA"), name="eMSP A"),
        tokens=((RFID, EVERYWHERE), (APP, EVERYWHERE)),
    )
    async with EmspNode(settings) as node:
        report = await report_on(node.versions_url, node.issue_token_a())
    assert failed(report) == set(), told(report)
    assert report.count(Outcome.PASSED) > 30


async def test_our_own_cpo_has_no_faults() -> None:
    async with CpoNode(cpo_settings()) as node:
        report = await report_on(node.versions_url, node.issue_token_a())
    assert failed(report) == set(), told(report)
    assert report.count(Outcome.PASSED) > 40


async def test_our_own_hub_has_no_faults_and_nothing_is_pushed_into_it(tmp_path: Path) -> None:
    """A hub would pass on what it is sent."""
    async with roaming(tmp_path) as world:
        invitation = await world.hub.platforms.invite("tester")
        report = await report_on(world.hub.versions_url, invitation.token)
        assert failed(report) == set(), told(report)
        assert [each.subject for each in report.checks if each.skipped.startswith("a hub")] == ["writing"]
        assert {each.method for each in (*world.cpo.received, *world.emsp.received)} <= {"GET", "PUT"}
        assert all("hubclientinfo" in each.path for each in world.emsp.all("PUT", ""))


async def test_without_a_handshake_a_registration_is_used_and_kept() -> None:
    async with wrong_partner() as partner:
        partner.tokens["of-a-registration"] = True
        report = await report_on(f"{partner.url}/ocpi/versions", "of-a-registration", handshake=False)
        assert failed(report) == set(), told(report)
        assert "of-a-registration" in partner.tokens
    assert "handshake" not in {each.subject for each in report.checks}


async def test_a_platform_that_is_not_there_is_said_to_be_away() -> None:
    with listening("127.0.0.1", 0) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/ocpi/versions"
    report = await report_on(url, "token")
    assert ("TR-08", "every answer") in failed(report)
    assert ("VE-01", "versions") in failed(report)


async def test_the_report_is_the_same_in_every_format() -> None:
    async with wrong_partner("broken object", "no total") as partner:
        report = await report_on(f"{partner.url}/ocpi/versions", partner.token_a)
    value = as_json(report)
    suite = ET.fromstring(as_junit(report)).find("testsuite")  # noqa: S314 written a line above
    assert suite is not None
    assert int(suite.attrib["failures"]) == value["summary"]["failed"] == len(suite.findall("*/failure"))
    assert int(suite.attrib["tests"]) == len(value["checks"]) == len(suite.findall("testcase"))
    assert told(report).count("FAIL") == value["summary"]["failed"]
    assert "of-a-registration" not in told(report)


async def test_the_command_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    async with wrong_partner("broken object") as partner:
        url = f"{partner.url}/ocpi/versions"
        junit = tmp_path / "report.xml"
        arguments = [
            "conformance",
            "run",
            url,
            "--token",
            "token-a",
            "--handshake",
            "--allow-private-networks",
        ]
        done = await asyncio.to_thread(
            CliRunner().invoke, app, [*arguments, "--write", "--junit", str(junit), "--json"]
        )
    assert done.exit_code == 1, done.output
    assert exact_json.decode(done.stdout.encode())["summary"]["failed"] == 1
    assert b"/city" in junit.read_bytes()
    assert "token-a" not in done.output


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--party", "nobody"),
        ("--listen", "here"),
        ("--timeout", "0"),
        ("--public-url", "here"),
        ("--junit", "/no/such/folder/report.xml"),
    ],
)
async def test_an_argument_that_makes_no_sense_is_named(option: str, value: str) -> None:
    arguments = ["conformance", "run", "http://x.example", "--token", "t", "--handshake", option, value]
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert done.exit_code == 2
    assert option in done.output


async def test_what_is_no_url_is_wrong_usage() -> None:
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["conformance", "run", "x.example", "--token", "t"]
    )
    assert done.exit_code == 2
    assert "got 'x.example'" in done.output


async def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["conformance", "run", "http://x.example", "--token", "t", "--handshake", "--listen"]
        done = await asyncio.to_thread(CliRunner().invoke, app, [*arguments, where])
    assert done.exit_code == 1
    assert f"ocpi-hub: cannot listen at {where}: Address already in use" in done.output
