"""`ocpi-node emsp`: a driver and an operator at another terminal, against a node that runs."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hub import __version__
from hub.ocpi.party import Party
from partners.cli import app
from partners.settings import NamedParty
from schemas import exact_json
from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Received, Recorder, Reply
from tests.fixtures.samples import T0, T1, cdr, location, session, tariff

COMMANDS = "/receiver/commands/"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


async def run(world: World, *words: str, columns: int = 200) -> Result:
    """`ocpi-node emsp` with these words, as another process would reach the node."""
    to_node = ["--node", world.node.admin_url, "--key", world.node.admin_key]
    return await asyncio.to_thread(
        CliRunner().invoke, app, ["emsp", *words, *to_node], env={"COLUMNS": str(columns), "NO_COLOR": "1"}
    )


async def run_json(world: World, *words: str) -> Any:
    result = await run(world, *words, "--json")
    assert result.exit_code == 0, result.output
    return exact_json.decode(result.stdout)


def the_charger_says(world: World, result: str) -> None:
    async def call_back(received: Received) -> Reply:
        url = received.value["response_url"]
        await world.hub.call("POST", url, {"result": result}, to="NL/EMA", sender="BE/BEC")
        return Reply({"result": "ACCEPTED", "timeout": 5})

    world.hub.answers("POST", COMMANDS, call_back)


async def test_a_driver_finds_a_place_starts_stops_and_is_billed(world: World) -> None:
    world.lists("locations", location())
    world.lists("tariffs", tariff())
    the_charger_says(world, "ACCEPTED")
    assert (await run_json(world, "pull"))["locations of HU/HUB"]["kept"] == 1
    (found,) = await run_json(world, "locations")
    assert (found["location"]["id"], found["tariffs"][0]["id"]) == ("LOC1", "T1")
    started = await run_json(world, "start", "04A1B2C3", "LOC1", "E1", "1")
    assert (started["accepted"], started["result"]) == (True, "ACCEPTED")
    value = session(authorization_reference=started["authorization_reference"])
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", value)
    assert [each["id"] for each in await run_json(world, "sessions")] == ["S1"]
    assert (await run_json(world, "stop", "S1"))["command"] == "STOP_SESSION"
    patch = {"status": "COMPLETED", "last_updated": T1}
    await world.call("PATCH", "sessions/receiver/BE/BEC/S1", patch)
    await world.call("POST", "cdrs/receiver", cdr())
    (bill,) = await run_json(world, "bills")
    assert (str(bill["total"]), str(bill["vat"]), bill["agrees"]) == ("4.20", "0.70", True)


async def test_ids_are_whole_on_a_narrow_terminal(world: World) -> None:
    uid = "018d1de6-6b5a-7c3e-9d1f-3c5e0f3fa5d3"
    await world.call("PUT", f"sessions/receiver/BE/BEC/{uid}", session(id=uid))
    to_node = ["--node", world.node.admin_url, "--key", world.node.admin_key]
    shown = await asyncio.to_thread(
        CliRunner().invoke, app, ["emsp", "sessions", *to_node], env={"COLUMNS": "80", "NO_COLOR": "1"}
    )
    assert uid in shown.stdout


async def test_tables_show_what_people_look_for(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location(name="Gent [/red] Zuid"))
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff())
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session())
    await world.call("POST", "cdrs/receiver", cdr())
    await world.call("POST", "cdrs/receiver", cdr(id="C2", currency="SEK"))
    places = (await run(world, "locations")).stdout
    for shown in ("BE/BEC", "LOC1", "Gent [/red] Zuid, Gent", "E1", "22.1", "AVAILABLE", "0.25/kWh"):
        assert shown in places
    assert re.search(r"S1 .*04A1B2C3.*LOC1.*ACTIVE.*1\.5", (await run(world, "sessions")).stdout)
    bills = (await run(world, "bills")).stdout
    for shown in (
        "Energy",
        "10 kWh",
        "0.25",
        "3.50",
        "0.70",
        "4.20",
        "checked",
        "disputed: not confirmed",
        "SEK",
    ):
        assert shown in bills
    assert "04A1B2C3" in (await run(world, "tokens")).stdout
    assert "HU/HUB HUB" in (await run(world, "state")).stdout


async def test_a_charger_that_refuses_ends_with_status_1(world: World) -> None:
    """Design D12."""
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    the_charger_says(world, "EVSE_OCCUPIED")
    result = await run(world, "start", "04A1B2C3", "LOC1")
    assert result.exit_code == 1
    assert "EVSE_OCCUPIED" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["start", "who", "LOC1"], "who"),
        (["start", "04A1B2C3", "LOC9"], "LOC9"),
        (["start", "04A1B2C3", "LOC1", "--owner", "nonsense"], "nonsense"),
        (["stop", "S9"], "S9"),
        (["cancel", "R9"], "R9"),
        (["unlock", "LOC1", "E9", "1"], "E9"),
        (["prefer", "S9", "FAST"], "S9"),
        (["limit", "S9", "0:1"], "S9"),
        (["limit", "S1", "0:8.15"], "/charging_profile_period/0/limit"),
        (["limits", "S9"], "S9"),
        (["unlimit", "S9"], "S9"),
        (["block", "who"], "who"),
        (["locations", "--token", "who"], "who"),
        (["register", "ftp://x", "--token", "t"], "ftp"),
        (
            ["quote", "LOC1", "E1", "1", "--energy", "5", "--minutes", "40"],
            "unknown tariff: nothing is known of T1",
        ),
        (["quote", "LOC1", "E1", "1", "--energy", "500", "--minutes", "40"], "too much power"),
        (["start", "04A1B2C3", "LOC1", "E1", "1", "--energy", "5", "--minutes", "40"], "unknown tariff"),
        (["bill", "C9"], "C9"),
    ],
)
async def test_what_cannot_be_done_is_said_with_status_1(world: World, words: list[str], said: str) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    result = await run(world, *words)
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert world.hub.all("POST", COMMANDS) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reserve", "04A1B2C3", "LOC1", "tomorrow"], ["until", "2026-01-31T12:00:00Z", "tomorrow"]),
        (["prefer", "S1", "SLOWLY"], ["profile", "CHEAP"]),
        (["prefer", "S1", "FAST", "--departure", "soon"], ["--departure", "soon"]),
        (["prefer", "S1", "FAST", "--energy", "much"], ["--energy", "much"]),
        (["limit", "S1", "0:NaN"], ["periods", "NaN"]),
        (["limit", "S1", "60:6000"], ["periods", "0 seconds"]),
        (["limit", "S1", "0:1", "--unit", "X"], ["--unit", "X"]),
        (["limit", "S1", "0:1", "--start", "soon"], ["--start", "soon"]),
        (["issue", "x", "--type", "CARD"], ["--type", "RFID"]),
        (["quote", "LOC1", "E1", "1", "--energy", "much", "--minutes", "40"], ["--energy", "much"]),
        (["quote", "LOC1", "E1", "1", "--energy", "5"], ["--minutes"]),
        (
            ["quote", "LOC1", "E1", "1", "--energy", "5", "--minutes", "1", "--start", "soon"],
            ["--start", "soon"],
        ),
        (["start", "04A1B2C3", "LOC1", "--energy", "5"], ["--energy", "--minutes"]),
        (["issue", "x", "--whitelist", "SOMETIMES"], ["--whitelist", "NEVER"]),
    ],
)
async def test_a_wrong_argument_is_named_with_status_2(
    world: World, words: list[str], said: list[str]
) -> None:
    result = await run(world, *words)
    assert result.exit_code == 2, result.output
    for each in said:
        assert each in result.stderr


async def test_nothing_of_a_table_is_left_out_where_nobody_watches(world: World) -> None:
    """Nor does a person see how Python writes values."""
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session())
    sessions = await run(world, "sessions", columns=40)
    assert sessions.stdout.splitlines()[0].split() == [
        *("CPO", "Session", "Token", "Location", "EVSE", "Status", "Start", "kWh", "Cost", "Reckoned")
    ]
    state = (await run(world, "state")).stdout
    assert re.search(r"peers endpoints +locations SENDER http", state)
    assert "{" not in state


def test_the_program_tells_its_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"{__version__}\n")


async def test_a_reservation_is_made_and_given_up(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    the_charger_says(world, "ACCEPTED")
    made = await run_json(world, "reserve", "04A1B2C3", "LOC1", "2026-01-01T13:00:00Z", "E1")
    given_up = await run_json(world, "cancel", made["reservation_id"])
    assert given_up["accepted"]
    unlocked = await run_json(world, "unlock", "LOC1", "E1", "1")
    assert unlocked["command"] == "UNLOCK_CONNECTOR"


async def test_reservations_are_listed_as_they_stand(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    the_charger_says(world, "ACCEPTED")
    reserved = await run_json(world, "reserve", "04A1B2C3", "LOC1", "2099-01-01T10:00:00Z", "E1")
    shown = (await run(world, "reservations")).stdout
    for each in (reserved["reservation_id"], "BE/BEC", "LOC1", "E1", "2099-01-01T10:00:00Z", "HELD"):
        assert each in shown


async def test_what_a_driver_prefers_is_told(world: World) -> None:
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session())
    world.hub.answers("PUT", "/charging_preferences", Reply("ACCEPTED"))
    words = ("prefer", "S1", "GREEN", "--departure", T1, "--energy", "12.5", "--discharge")
    assert (await run_json(world, *words))["result"] == "ACCEPTED"
    assert world.hub.all("PUT", "/charging_preferences")[0].value == {
        "profile_type": "GREEN",
        "departure_time": T1,
        "energy_need": Decimal("12.5"),
        "discharge_allowed": True,
    }
    world.hub.answers("PUT", "/charging_preferences", Reply("DEPARTURE_REQUIRED"))
    refused = await run(world, "prefer", "S1", "GREEN", "--owner", "BE/BEC")
    assert refused.exit_code == 1
    assert "DEPARTURE_REQUIRED" in refused.stdout


async def test_a_session_is_limited_and_set_free(world: World) -> None:
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session())
    profile = {
        "charging_rate_unit": "A",
        "charging_profile_period": [
            {"start_period": 0, "limit": Decimal("16.5")},
            {"start_period": 600, "limit": Decimal(6)},
        ],
    }
    active = {"start_date_time": T1, "charging_profile": profile}
    world.later("/receiver/chargingprofiles/", {"result": "ACCEPTED"})
    assert (await run_json(world, "limit", "S1", "0:16.5", "600:6", "--unit", "A"))["accepted"]
    assert world.hub.all("PUT", "/receiver/chargingprofiles/")[0].value["charging_profile"] == profile
    world.later("/receiver/chargingprofiles/", {"result": "ACCEPTED", "profile": active})
    told = await run_json(world, "limits", "S1", "--duration", "60", "--owner", "BE/BEC")
    assert (told["profile"], told["limit_now"]) == (active, 6)
    world.later("/receiver/chargingprofiles/", {"result": "UNKNOWN"})
    assert (await run(world, "unlimit", "S1")).exit_code == 1


async def test_credits_are_taken_off_what_is_owed(world: World) -> None:
    await world.call("POST", "cdrs/receiver", cdr())
    credit = {"credit": True, "credit_reference_id": "C1", "total_cost": {"excl_vat": Decimal("-3.50")}}
    await world.call("POST", "cdrs/receiver", cdr(id="C2", **credit))
    shown = (await run(world, "balances")).stdout
    assert re.search(r"BE/BEC +S1 +C1, C2 +0\.00 +0\.70 +EUR", shown)


async def test_a_quote_shows_what_is_to_be_paid_and_why(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff())
    words = ("quote", "LOC1", "E1", "1", "--energy", "10", "--minutes", "60", "--parking-minutes", "30")
    shown = (await run(world, *words, "--token", "04A1B2C3")).stdout
    for each in ("10 kWh in 60 min, then 30 min parked", "Energy", "2.5", "Parking time", "4.20 EUR", "T1"):
        assert each in shown
    assert "Element 0 of tariff T1 prices ENERGY." not in shown
    assert "Element 0 of tariff T1 prices ENERGY." in (await run(world, *words, "--explain")).stdout
    as_json = await run_json(world, *words, "--start", T1, "--profile", "REGULAR")
    assert (str(as_json["total"]), as_json["excl_vat"], as_json["start"]) == ("4.20", "3.5", T1)


async def test_a_driver_starts_by_a_quote_and_finds_it_on_the_bill(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff())
    the_charger_says(world, "ACCEPTED")
    wish = ("--energy", "10", "--minutes", "60")
    started = await run(world, "start", "04A1B2C3", "LOC1", "E1", "1", *wish)
    assert "To be paid" in started.stdout
    assert "3.00 EUR" in started.stdout
    (command,) = world.node.commands.all()
    reference = command.body["authorization_reference"]
    await world.call("POST", "cdrs/receiver", cdr(authorization_reference=reference))
    bills = (await run(world, "bills")).stdout
    assert "Quoted 3.00 EUR for 10 kWh in 60 min and 0 min parked" in bills
    assert "Total" in bills
    assert "4.20" in bills


async def test_a_bill_shows_each_amount_beside_ours_and_what_the_hub_says(world: World) -> None:
    await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff(currency="EUR", last_updated=T0))
    await world.call("POST", "cdrs/receiver", cdr(total_cost={"excl_vat": Decimal("3.90")}))
    verdict = {
        "judged_at": T1,
        "severity": "hold",
        "findings": [{"message": "asks for 3.90", "rule": "price-total", "severity": "hold"}],
    }
    world.hub.answers("GET", "/verdicts/BE/BEC/C1", Reply([verdict]))
    shown = (await run(world, "bill", "C1", "--explain", "--hub", "--owner", "BE/BEC")).stdout
    for each in (
        "disputed: not confirmed",
        "To be paid: 4.20 EUR.",
        f"The hub, {T1}: hold",
        "- asks for 3.90",
    ):
        assert each in shown
    assert re.search(r"/total_cost/excl_vat +3\.90 +3\.5 +0\.40", shown)
    plain = await run_json(world, "bill", "c1")
    assert (plain["is_disputed"], "hub_verdicts" in plain) == (True, False)
    world.hub.answers("GET", "/verdicts/BE/BEC/C1", Reply(status=404, status_code=2003))
    assert (await run(world, "bill", "C1", "--hub")).exit_code == 1


async def test_what_is_owed_is_summed_in_each_currency(world: World) -> None:
    await world.call("POST", "cdrs/receiver", cdr())
    await world.call("POST", "cdrs/receiver", cdr(id="C2", currency="SEK", tariffs=[tariff(currency="SEK")]))
    assert await run_json(world, "owed") == {"EUR": Decimal("4.20"), "SEK": Decimal("4.20")}


async def test_a_running_session_shows_both_costs(world: World) -> None:
    await world.call("PUT", "tariffs/receiver/BE/BEC/T1", tariff())
    cost = {"excl_vat": Decimal("0.40"), "incl_vat": Decimal("0.50")}
    await world.call("PUT", "sessions/receiver/BE/BEC/S1", session(total_cost=cost))
    assert re.search(r"1\.5 +0\.50 EUR +0\.45 EUR", (await run(world, "sessions")).stdout)


async def test_a_party_of_several_is_named() -> None:
    more = {"more_parties": (NamedParty(Party("NL", "EMB"), "eMSP B"),)}
    async with emsp_world(settings=more) as world:
        assert len(await run_json(world, "tokens")) == 2
        assert await run_json(world, "tokens", "--party", "NL/EMB") == []
        assert (await run_json(world, "issue", "b-1", "--party", "NL/EMB"))[0]["party_id"] == "EMB"
        refused = await run(world, "tokens", "--party", "NL/EMC")
        assert refused.exit_code == 1
        assert "NL/EMA, NL/EMB" in refused.stderr


async def test_a_token_that_is_issued_or_blocked_is_told_to_all(world: World) -> None:
    await run_json(world, "issue", "new-1", "--type", "AD_HOC_USER")
    put = await world.hub.receives("PUT", "/receiver/tokens/NL/EMA/new-1")
    assert (put.to, put.query, put.value["whitelist"]) == ("HU/HUB", "type=AD_HOC_USER", "NEVER")
    await run_json(world, "block", "new-1")
    patch = await world.hub.receives("PATCH", "/receiver/tokens/NL/EMA/new-1")
    assert (patch.query, patch.value["valid"]) == ("type=AD_HOC_USER", False)


async def test_an_invitation_lets_a_hub_register(world: World) -> None:
    invitation = await run_json(world, "invite")
    async with Recorder(roles=[("HUB", "HU", "TWO")]) as other:
        assert (await other.register(invitation["versions_url"], invitation["token"])).code == 1000


async def test_registering_asks_for_the_token_and_does_not_show_it() -> None:
    async with emsp_world() as world, Recorder(roles=[("HUB", "HU", "TWO")]) as other:
        token_a = other.accept_new_token()
        to_node = ["--node", world.node.admin_url, "--key", world.node.admin_key]
        result = await asyncio.to_thread(
            CliRunner().invoke, app, ["emsp", "register", other.versions_url, *to_node], input=token_a + "\n"
        )
        assert result.exit_code == 0, result.output
        assert token_a not in result.output


async def test_a_wrong_key_or_no_node_is_said(world: World) -> None:
    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, ["emsp", "sessions", *words])

    wrong = await asyncio.to_thread(invoke, "--node", world.node.admin_url, "--key", "wrong")
    assert (wrong.exit_code, "key" in wrong.stderr) == (1, True)
    nobody = await asyncio.to_thread(invoke, "--node", "http://127.0.0.1:1", "--key", "x")
    assert (nobody.exit_code, "no node answers" in nobody.stderr) == (1, True)


async def test_serve_registers_pushes_pulls_and_stops_on_sigterm(tmp_path: Path) -> None:
    """From the outside: a process, a hub, and the end."""
    async with Recorder(roles=[("HUB", "HU", "HUB")]) as hub:
        hub.answers("GET", "/sender/locations", Reply([location()], headers={"X-Total-Count": "1"}))
        config = tmp_path / "emsp.toml"
        config.write_text(
            f"""
            [node]
            party = "NL/EMA"
            name = "eMSP A"
            port = 0
            admin_port = 0
            database = "emsp.sqlite"
            [hub]
            versions_url = "{hub.versions_url}"
            token = "{hub.accept_new_token()}"
            [[tokens]]
            uid = "04A1B2C3"
            """
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "partners", "emsp", "serve", str(config), stdout=asyncio.subprocess.PIPE
        )
        try:
            put = await hub.receives("PUT", "/receiver/tokens/NL/EMA/04A1B2C3")
            assert put.to == "HU/HUB"
            await hub.receives("GET", "/sender/locations")
            process.send_signal(signal.SIGTERM)
            out, _ = await asyncio.wait_for(process.communicate(), 10)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0
        assert b"/ocpi/versions" in out
        assert (tmp_path / "emsp.sqlite").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[node]\nparty='x'", "party"),
        ("[node]\nparty='NL/EMA'\nname='x'\n[[tokens]]\ntype='RFID'", "tokens[0].uid: expected this field"),
        ("[node]\nparty='NL/EMA'\nname='x'\nhost='203.0.113.1'", "cannot listen"),
    ],
)
def test_serve_says_what_is_wrong_with_its_configuration(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "emsp.toml"
    config.write_text(text)
    result = CliRunner().invoke(app, ["emsp", "serve", str(config)])
    assert result.exit_code == 1
    assert said in result.stderr
