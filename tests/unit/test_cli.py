"""`ocpi-hub` as operators run it: a process of its own, asking a hub that runs, over a socket."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text as sql

from hub.store.database import opened
from hub.store.journal import Direction, JournalEntry, Purpose
from hub.store.journal_search import JournalFilter, legs_of, search
from schemas import exact_json
from tests.fixtures.admin_hub import AdminHub, Run, admin_hub, run, started
from tests.fixtures.recorder import Fault, Recorder

LEG = JournalEntry(
    at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    took=timedelta(milliseconds=31),
    direction=Direction.IN,
    purpose=Purpose.RELAY,
    correlation_id="corr-1",
    request_id="req-1",
    method="POST",
    url="/ocpi/2.2.1/receiver/commands/START_SESSION",
    platform="abc",
    module="commands",
    to_party="NL/TNM",
    from_party="DE/ABC",
    http_status=200,
    status_code=1000,
    request_body=b'{"evse": 1}',
    reply_body=b'{"status_code":1000}',
)


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        yield admin


@pytest.fixture
async def partner() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as partner:
        yield partner


def value_of(name: str, text: str) -> str:
    """What stands beside a name in a list of pairs."""
    found = re.search(rf"^{name}\s+(\S+)$", text, re.MULTILINE)
    assert found is not None, f"no {name} in:\n{text}"
    return found[1]


class TestPartner:
    async def test_invite_prints_all_that_a_partner_needs(self, admin: AdminHub, partner: Recorder) -> None:
        done = await admin.run("partner", "invite", "tnm")
        assert (done.code, done.err) == (0, "")
        token, versions_url = value_of("token A", done.out), value_of("versions URL", done.out)
        assert (await partner.register(versions_url, token)).code == 1000

    async def test_invite_answers_json(self, admin: AdminHub) -> None:
        done = await admin.run("partner", "invite", "Ac me", "--json")
        assert done.code == 0
        assert (done.json["name"], done.json["versions_url"]) == ("Ac me", admin.hub.versions_url)

    async def test_invite_allows_another_hub(self, admin: AdminHub) -> None:
        await admin.run("partner", "invite", "other", "--hub")
        assert value_of("role HUB", (await admin.run("partner", "show", "other")).out) == "allowed"
        again = await admin.run("partner", "invite", "other", "--again", "--hub")
        assert again.code == 2
        assert "partner set NAME --hub allowed" in " ".join(again.err.replace("│", " ").split())

    async def test_invite_again_makes_a_new_token(self, admin: AdminHub) -> None:
        first = (await admin.run("partner", "invite", "tnm", "--json")).json
        second = (await admin.run("partner", "invite", "tnm", "--again", "--json")).json
        assert first["token"] != second["token"]

    async def test_set_changes_what_is_given_and_nothing_else(self, admin: AdminHub) -> None:
        await admin.run("partner", "invite", "tnm")
        done = await admin.run("partner", "set", "tnm", "--when-unreachable", "none", "--json")
        assert (done.json["when_unreachable"], done.json["bad_bodies"]) == ("none", "relay")
        done = await admin.run("partner", "set", "tnm", "--bad-bodies", "refuse", "--json")
        assert (done.json["when_unreachable"], done.json["bad_bodies"]) == ("none", "refuse")
        done = await admin.run("partner", "set", "tnm", "--pull", "never", "--json")
        assert (done.json["bad_bodies"], done.json["pull"]) == ("refuse", "never")
        assert done.json["hub_role"] == "refused"
        done = await admin.run("partner", "set", "tnm", "--hub", "allowed", "--json")
        assert (done.json["hub_role"], done.json["bad_bodies"]) == ("allowed", "refuse")
        assert (await admin.run("partner", "set", "tnm", "--bad-bodies", "eat")).code == 2
        assert (await admin.run("partner", "set", "nobody", "--bad-bodies", "refuse")).code == 1

    async def test_list_and_show_tell_who_is_connected(self, admin: AdminHub, partner: Recorder) -> None:
        invited = (await admin.run("partner", "invite", "tnm", "--json")).json
        await partner.register(invited["versions_url"], invited["token"])
        listed = await admin.run("partner", "list")
        assert re.search(r"tnm\s+CONNECTED\s+2\.2\.1\s+NL/TNM CPO", listed.out)
        assert (await admin.run("partner", "list", "--json")).json["platforms"][0]["name"] == "tnm"
        shown = await admin.run("partner", "show", "tnm")
        assert value_of("token encoding", shown.out) == "base64"
        assert partner.versions_url in shown.out
        assert (await admin.run("partner", "show", "tnm", "--json")).json["status"] == "CONNECTED"

    async def test_register_makes_the_hub_begin_the_handshake(
        self, admin: AdminHub, partner: Recorder
    ) -> None:
        token = partner.accept_new_token()
        where = ("--versions-url", partner.versions_url, "--token", token)
        done = await admin.run("partner", "register", "tnm", *where)
        assert (done.code, done.out) == (0, "tnm is registered: NL/TNM CPO\n"), done.err
        assert token not in done.out + done.err
        renewed = await admin.run("partner", "rotate", "tnm")
        assert (renewed.code, renewed.out) == (0, "tnm has new tokens: NL/TNM CPO\n")
        tokens = await admin.run("partner", "tokens", "tnm")
        assert "new: the platform has not shown it yet" in tokens.out
        assert "works until the new one is shown" in tokens.out
        known = (*partner.accepted_tokens, partner.outbound_token)
        assert not [token for token in known if token in tokens.out]
        revoked = await admin.run("partner", "rotate", "tnm", "--revoke-old")
        assert revoked.code == 0
        listed = (await admin.run("partner", "tokens", "tnm", "--json")).json["tokens"]
        assert [(each["shown_by"], each["state"]) for each in listed] == [
            ("platform", "in force"),
            ("hub", "in force"),
        ]
        ended = await admin.run("partner", "unregister", "tnm", "--json")
        assert ended.json["is_registered"] is False

    async def test_a_handshake_that_fails_ends_with_1_and_says_which_step(
        self, admin: AdminHub, partner: Recorder
    ) -> None:
        partner.answers("POST", "/credentials", Fault.SERVER_ERROR)
        where = ("--versions-url", partner.versions_url)
        token = partner.accept_new_token()
        done = await admin.run("partner", "register", "tnm", *where, OCPI_HUB_TOKEN_A=token)
        assert (done.code, done.out) == (1, "")
        assert "POST of the credentials" in done.err
        assert re.search(r"ocpi-hub trace \S+", done.err)

    async def test_check_lists_what_is_wrong_and_ends_with_1(
        self, admin: AdminHub, partner: Recorder
    ) -> None:
        invited = (await admin.run("partner", "invite", "tnm", "--json")).json
        await partner.register(invited["versions_url"], invited["token"])
        well = await admin.run("partner", "check", "tnm")
        assert well.code == 0, well.out
        partner.answers("GET", "/versions", Fault.SERVER_ERROR)
        bad = await admin.run("partner", "check", "tnm")
        assert bad.code == 1
        assert re.search(r"^error\s+versions: expected HTTP 200, got 500", bad.out, re.MULTILINE)
        assert (await admin.run("partner", "check", "tnm", "--json")).json["has_errors"] is True

    async def test_suspend_and_resume(self, admin: AdminHub) -> None:
        await admin.run("partner", "invite", "tnm")
        assert "suspended" in (await admin.run("partner", "suspend", "tnm")).out
        assert (await admin.run("partner", "show", "tnm", "--json")).json["is_suspended"] is True
        assert (await admin.run("partner", "resume", "tnm", "--json")).json["is_suspended"] is False

    async def test_remove_asks_first_and_does_nothing_without_an_answer(self, admin: AdminHub) -> None:
        await admin.run("partner", "invite", "tnm")
        refused = await admin.run("partner", "remove", "tnm")
        assert refused.code == 1
        assert "Its tokens stop working" in refused.err
        assert admin.hub.directory.value.named("tnm") is not None
        assert (await admin.run("partner", "remove", "tnm", "--yes")).code == 0
        assert admin.hub.directory.value.named("tnm") is None

    @pytest.mark.parametrize("command", ["show", "suspend", "resume", "remove", "rotate", "tokens", "check"])
    async def test_an_unknown_partner_is_named_and_ends_with_1(self, admin: AdminHub, command: str) -> None:
        more = ("--yes",) if command == "remove" else ()
        done = await admin.run("partner", command, "nobody", *more)
        assert (done.code, done.out) == (1, "")
        assert "no partner has the name 'nobody'" in done.err

    async def test_a_name_that_is_taken_ends_with_1_and_one_that_cannot_be_with_2(
        self, admin: AdminHub
    ) -> None:
        assert (await admin.run("partner", "invite", "tnm")).code == 0
        assert (await admin.run("partner", "invite", "tnm")).code == 1
        assert (await admin.run("partner", "invite", "a/b")).code == 2


class TestJournal:
    async def test_a_line_tells_who_what_and_how_it_ended(self, admin: AdminHub) -> None:
        await admin.write_down(LEG)
        done = await admin.run("journal")
        assert done.code == 0
        [line] = done.out.splitlines()
        for part in ("31 ms", "← abc", "POST /ocpi/2.2.1", "HTTP 200 OCPI 1000", "DE/ABC → NL/TNM", "corr-1"):
            assert part in line
        # To be copied into the next command.
        assert line.endswith("  corr-1")

    async def test_filters_reach_the_hub(self, admin: AdminHub) -> None:
        await admin.write_down(
            LEG, LEG._replace(request_id="req-2", http_status=None, direction=Direction.OUT, platform="tnm")
        )
        arguments = "--platform tnm --module commands --party DE/ABC --correlation-id corr-1 --direction out"
        more = "--outcome failed --since 1h --until 2030-01-01T00:00:00Z --text start --limit 5 --json"
        done = await admin.run("journal", *arguments.split(), *more.split())
        assert [leg["request_id"] for leg in done.json["legs"]] == ["req-2"]
        assert (await admin.run("journal", "--platform", "nobody")).out.startswith("The journal has nothing")

    async def test_follow_prints_what_happens_as_it_happens(self, admin: AdminHub) -> None:
        await admin.write_down(LEG)
        environment = {"OCPI_HUB_ADMIN_URL": admin.url, "OCPI_HUB_DATA": str(admin.data)}
        process = await started("journal", "--follow", "--json", **environment)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            first = exact_json.decode(await process.stdout.readline())
            await admin.write_down(LEG._replace(request_id="req-2"), LEG._replace(request_id="req-3"))
            later = [exact_json.decode(await process.stdout.readline()) for _ in range(2)]
        process.send_signal(2)
        await process.wait()
        assert [leg["request_id"] for leg in (first, *later)] == ["req-1", "req-2", "req-3"]
        assert process.returncode == 0

    async def test_a_trace_tells_each_leg(self, admin: AdminHub) -> None:
        out = LEG._replace(
            at=LEG.at + timedelta(milliseconds=1),
            direction=Direction.OUT,
            platform="tnm",
            url="https://tnm.example/commands/START_SESSION",
            http_status=None,
            status_code=None,
            note="it did not answer in time: no answer after 20 s",
        )
        await admin.write_down(LEG, out)
        done = await admin.run("trace", "corr-1")
        assert done.code == 0
        for part in (
            "abc → hub",
            "hub → tnm",
            "POST https://tnm.example/commands/START_SESSION",
            "HTTP 200 OCPI 1000  31 ms",
            "no answer",
            "it did not answer in time",
            "DE/ABC → NL/TNM",
        ):
            assert part in done.out
        assert '"evse"' not in done.out
        assert '{"evse": 1}' in (await admin.run("trace", "corr-1", "--bodies")).out
        assert len((await admin.run("trace", "corr-1", "--json")).json["legs"]) == 2

    async def test_a_trace_of_nothing_ends_with_1(self, admin: AdminHub) -> None:
        done = await admin.run("trace", "nothing")
        assert (done.code, done.out) == (1, "")

    async def test_a_partner_cannot_drive_the_operators_terminal(self, admin: AdminHub) -> None:
        evil = "\x1b[2J\x1b]0;owned\x07 [red]x[/red] \x9b31m \U000e0001"
        await admin.write_down(
            LEG._replace(note=evil, url=f"/{evil}", correlation_id="c", reply_body=evil.encode())
        )
        for arguments in (("journal",), ("trace", "c", "--bodies"), ("journal", "--json")):
            done = await admin.run(*arguments)
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.out)
            assert "[red]x[/red]" in done.out


class TestWhichHub:
    async def test_the_key_may_be_an_option_or_come_from_environment_or_data(self, admin: AdminHub) -> None:
        ways = (
            (("--url", admin.url, "--key", admin.key, "partner", "list"), {}),
            (("partner", "list", "--url", admin.url, "--data", str(admin.data)), {}),
            (("partner", "list"), {"OCPI_HUB_ADMIN_URL": admin.url, "OCPI_HUB_ADMIN_KEY": admin.key}),
        )
        for arguments, environment in ways:
            assert (await run(*arguments, **environment)).code == 0

    async def test_a_wrong_key_ends_with_1_and_says_so(self, admin: AdminHub) -> None:
        done = await admin.run("partner", "list", "--key", "not-the-key-of-this-hub")
        assert (done.code, done.out) == (1, "")
        assert "does not accept the key" in done.err

    async def test_no_key_ends_with_2_and_says_where_keys_are(self, tmp_path: Path) -> None:
        done = await run("partner", "list", "--data", str(tmp_path))
        assert (done.code, done.out) == (2, "")
        assert "--key" in done.err
        assert "admin.key" in done.err

    async def test_a_hub_that_is_not_there_ends_with_1_and_says_where_it_was_sought(self) -> None:
        done = await run("partner", "list", "--url", "http://127.0.0.1:1", "--key", "any-key-that-is-long")
        assert (done.code, done.out) == (1, "")
        assert "no hub answers at http://127.0.0.1:1" in done.err
        assert "Traceback" not in done.err

    async def test_something_else_at_the_address_ends_with_1(self, partner: Recorder) -> None:
        done = await run("partner", "list", "--url", partner.versions_url, "--key", "any-key-that-is-long")
        assert done.code == 1
        assert "Traceback" not in done.err


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("partner",),
            ("partner", "invite"),
            ("partner", "list", "--no-such-option"),
            ("no-such-command",),
            ("journal", "--limit", "0"),
            ("journal", "--direction", "up"),
        ],
    )
    async def test_wrong_usage_ends_with_2(self, arguments: tuple[str, ...]) -> None:
        done = await run(*arguments)
        assert done.code == 2
        assert "Usage: ocpi-hub" in done.err + done.out

    async def test_what_only_the_hub_can_refuse_is_wrong_usage_too(self, admin: AdminHub) -> None:
        for arguments in (
            ("--outcome", "bad"),
            ("--since", "soon"),
            ("--party", "x"),
            ("--module", "comands"),
        ):
            done = await admin.run("journal", *arguments)
            assert done.code == 2
            assert f"{arguments[0].removeprefix('--')}: expected" in done.err

    async def test_a_setting_that_cannot_be_is_named(self, admin: AdminHub) -> None:
        await admin.run("partner", "invite", "tnm")
        for arguments, said in (
            ((), "what shall be set"),
            (("--quirk", "patch"), "--quirk"),
            (("--quirk", "pach=no"), "pach: expected one of token,"),
            (("--rate-limit", "99999999999999999999"), "--rate-limit"),
        ):
            done = await admin.run("partner", "set", "tnm", *arguments)
            assert done.code == 2
            assert said in done.err

    @pytest.mark.parametrize(
        ("option", "value"),
        [("--public-url", "hub.example"), ("--country-code", "N"), ("--party-id", "LONG")],
    )
    async def test_a_hub_is_not_started_as_it_cannot_be(
        self, option: str, value: str, tmp_path: Path
    ) -> None:
        done = await run("serve", "--data", str(tmp_path / "data"), option, value)
        assert done.code == 2
        assert option in done.err
        assert not (tmp_path / "data").exists()

    @pytest.mark.parametrize("command", [(), ("partner", "register"), ("journal",), ("trace",)])
    async def test_help_teaches_by_example(self, command: tuple[str, ...]) -> None:
        done = await run(*command, "--help")
        assert done.code == 0
        assert re.search(rf"ocpi-hub {' '.join(command) or 'serve'}", done.out.replace("Usage: ", ""))

    async def test_version(self) -> None:
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", (await run("--version")).out)

    async def test_shell_completion_can_be_shown(self) -> None:
        # Which shell asks is found out by looking at processes, which differ from machine to machine.
        done = await run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
        assert done.code == 0
        assert "complete" in done.out


class TestServe:
    """`ocpi-hub serve`, from the first start to SIGTERM."""

    @pytest.fixture
    async def serving(self, tmp_path: Path) -> AsyncIterator["Serving"]:
        options = ("--port", "0", "--admin-port", "0", "--data", str(tmp_path / "data"))
        process = await started("serve", *options, "--allow-private-networks", "--party-id", "ABC")
        try:
            yield await Serving.of(process, tmp_path / "data")
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def test_a_hub_serves_is_administered_and_stops_with_nothing_lost(
        self, serving: "Serving", partner: Recorder
    ) -> None:
        invited = (await serving.run("partner", "invite", "tnm", "--json")).json
        assert invited["versions_url"] == serving.versions_url
        answer = await partner.register(invited["versions_url"], invited["token"])
        locations = serving.versions_url.replace("versions", "2.2.1/sender/locations")
        last = {"X-Correlation-ID": "the last one"}
        await partner.call("GET", locations, sender="NL/TNM", to="NL/ABC", headers=last)
        serving.process.terminate()
        out, err = await serving.process.communicate()
        assert serving.process.returncode == 0, err.decode()

        lines = [exact_json.decode(line) for line in out.splitlines()]
        assert "the last one" in {line["correlation_id"] for line in lines}
        assert {"handshake", "relay"} <= {line["purpose"] for line in lines}
        async with opened(f"sqlite+aiosqlite:///{serving.data / 'hub.sqlite3'}") as database:
            legs = await search(database, JournalFilter(limit=1000))
            bodies = [await legs_of(database, leg.correlation_id) for leg in legs]
        assert len(legs) == len(lines)
        secrets = {invited["token"], answer.data["token"], *partner.accepted_tokens}
        written = f"{out.decode()}{err.decode()}{legs}{bodies}"
        assert not [secret for secret in secrets if secret in written]

    async def test_what_keeps_a_hub_from_serving_is_said_in_words(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            cases = (
                (("--port", port), "cannot serve"),
                (("--port", "0", "--database", "mysql://x/y"), "sqlite+aiosqlite"),
                (("--port", "0", "--data", "/proc/none"), "cannot serve"),
            )
            for arguments, expected in cases:
                done = await run("serve", "--admin-port", "0", "--data", str(tmp_path), *arguments)
                assert done.code == 1
                assert expected in done.err
                assert "Traceback" not in done.err

    async def test_a_database_of_a_newer_version_is_left_alone(self, tmp_path: Path) -> None:
        url = f"sqlite+aiosqlite:///{tmp_path / 'hub.sqlite3'}"
        async with opened(url) as database, database.writing() as connection:
            await connection.execute(sql("UPDATE alembic_version SET version_num = '9999'"))
        done = await run("serve", "--port", "0", "--admin-port", "0", "--data", str(tmp_path))
        assert done.code == 1
        assert "newer version" in done.err
        assert "Traceback" not in done.err

    async def test_a_party_that_cannot_be_is_wrong_usage(self, tmp_path: Path) -> None:
        done = await run("serve", "--data", str(tmp_path), "--party-id", "TOOLONG")
        assert done.code == 2
        assert "expected a party id" in done.err


class Serving(NamedTuple):
    """A hub in a process of its own."""

    process: asyncio.subprocess.Process
    versions_url: str
    admin_url: str
    data: Path

    @classmethod
    async def of(cls, process: asyncio.subprocess.Process, data: Path) -> "Serving":
        """The hub, once it says where it is."""
        assert process.stderr is not None
        async with asyncio.timeout(30):
            said = (await process.stderr.readline()).decode()
        found = re.fullmatch(r"Partners: (\S+)\s+Operators: (\S+)\n", said)
        assert found is not None, said
        return cls(process, found[1], found[2], data)

    async def run(self, *arguments: str) -> Run:
        """`ocpi-hub` as its operator runs it."""
        return await run(*arguments, OCPI_HUB_ADMIN_URL=self.admin_url, OCPI_HUB_DATA=str(self.data))
