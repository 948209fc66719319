"""2.2.1, CDRs: what the CPO node bills, how it takes a bill back, and that it never changes one."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from partners.charger.charge_point import ChargerSimulator
from partners.charger.driver import rfid_visit
from partners.cli import app
from partners.cpo.billing.corrections import CannotCorrect
from partners.cpo.charging.charging_events import StoppedTransaction
from schemas import exact_json
from schemas.v2_2_1 import CDR
from tests.fixtures.cpo_world import World, token, world


async def billed(made: World) -> dict[str, Any]:
    """The CDR of a visit, as the eMSP got it."""
    charger = await made.charger()
    await rfid_visit(charger, 1, "CARD1", Decimal(2000))
    value: dict[str, Any] = (await made.hub.receives("POST", "/receiver/cdrs")).value
    await made.cpo.until(lambda: all(each.taken_at for each in made.cpo.cdrs()))
    return value


def visited() -> Any:
    return world(tokens=(token(),))


@pytest.mark.holds("CDR-05", "CDR-06", "CDR-08", by="cpo")
async def test_a_credit_is_the_same_cdr_with_the_opposite_total() -> None:
    async with visited() as made:
        original = await billed(made)
        made.cpo.corrections.credit(original["id"].lower())
        credit = (await made.hub.receives("POST", "/receiver/cdrs", 2)).value
        assert credit["id"] == original["id"] + "-C"
        assert len(original["id"]) <= 36 < len(credit["id"]) <= 39
        assert (credit["credit"], credit["credit_reference_id"]) == (True, original["id"])
        total = original["total_cost"]
        assert credit["total_cost"] == {name: -each for name, each in total.items()}
        changed = {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
        same = original.keys() - changed
        assert {name: credit[name] for name in same} == {name: original[name] for name in same}
        assert credit.keys() - original.keys() == {"credit", "credit_reference_id"}
        CDR.model_validate(credit)


@pytest.mark.holds("CDR-01", "CDR-07", by="cpo")
async def test_a_correction_is_a_credit_and_a_new_cdr_and_the_old_one_stays_as_it_was() -> None:
    async with visited() as made:
        original = await billed(made)
        stop = made.cpo.charging_log.charging(1).meter_start + 1000
        made.cpo.corrections.correct(original["id"], stop)
        new = (await made.hub.receives("POST", "/receiver/cdrs", 3)).value
        credit = made.hub.all("POST", "/receiver/cdrs")[1].value
        assert new["total_energy"] == 1
        assert not {"credit", "credit_reference_id"} & new.keys()
        assert new["id"] not in {original["id"], credit["id"]}
        assert new["session_id"] == original["session_id"]
        totals = [each["total_cost"]["excl_vat"] for each in (original, credit, new)]
        assert sum(totals) == new["total_cost"]["excl_vat"]
        listed = await made.hub.call("GET", made.hub.far_end["cdrs", "SENDER"], to="NL/CPO", sender="NL/MSP")
        assert listed.data == [original, credit, new]
        methods = {each.method for each in made.hub.all("*", "/receiver/cdrs")}
        assert methods == {"POST"}


@pytest.mark.holds("CDR-01", "CDR-05", by="cpo")
async def test_a_stop_that_came_late_is_billed_by_a_correction() -> None:
    """What was closed as never ended, and then did: its CDR is taken back, and a right one made."""
    async with visited() as made:
        charger: ChargerSimulator = await made.charger()
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        await charger.until_energy(1, Decimal(2000))
        await made.active()
        charging = made.cpo.charging_log.charging(1)
        with made.cpo.node.database.transaction():
            made.cpo.entries.abandon(charging)
        made.cpo.handover.owe(made.cpo.contracts.of(1).emsp)
        original = (await made.hub.receives("POST", "/receiver/cdrs")).value
        assert original["remark"].startswith("estimated")
        # Long enough for so much energy.
        at = made.time.now() + timedelta(minutes=20)
        late = StoppedTransaction("CP1", 1, charging.meter_start + 5000, at, "Local")
        await made.cpo.chargings.transaction_stopped(late)
        credit = (await made.hub.receives("POST", "/receiver/cdrs", 2)).value
        assert credit["credit_reference_id"] == original["id"]
        new = (await made.hub.receives("POST", "/receiver/cdrs", 3)).value
        assert new["total_energy"] == 5
        assert not new["remark"].startswith("estimated")


@pytest.mark.holds("CDR-06", by="cpo")
async def test_a_cdr_is_taken_back_once_and_a_credit_never() -> None:
    async with visited() as made:
        original = await billed(made)
        credit = made.cpo.corrections.credit(original["id"])
        for wrong in (original["id"], credit.id, "no-such-cdr"):
            with pytest.raises(CannotCorrect):
                made.cpo.corrections.credit(wrong)
        with pytest.raises(CannotCorrect):
            made.cpo.corrections.correct(original["id"])
        assert len(made.cpo.cdrs()) == 2


@pytest.mark.holds("CDR-14", "CDR-16", "CDR-22", by="cpo")
async def test_every_cdr_names_its_session_and_when_it_was() -> None:
    """Nobody agreed with us on unknown times: the CPO always knows them."""
    async with visited() as made:
        cdr = await billed(made)
        session = made.sessions()[-1]
        assert cdr["session_id"] == session["id"]
        for name in ("cdr_token", "auth_method", "currency", "total_cost", "meter_id"):
            assert cdr[name] == session[name], name
        assert cdr["cdr_location"]["id"] == session["location_id"]
        assert cdr["cdr_location"]["evse_uid"] == session["evse_uid"]
        assert cdr["start_date_time"] > "2020"
        assert cdr["end_date_time"] == session["end_date_time"]


@pytest.mark.holds("CDR-10", "CDR-11", "CDR-20", by="cpo")
async def test_a_cdr_has_periods_without_dimensions_of_running_sessions_and_they_add_up() -> None:
    async with visited() as made:
        cdr = await billed(made)
        told = [each for period in cdr["charging_periods"] for each in period["dimensions"]]
        assert cdr["charging_periods"]
        assert all(period["dimensions"] for period in cdr["charging_periods"])
        kinds = {each["type"] for each in told}
        assert not kinds & {"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"}
        assert sum(each["volume"] for each in told if each["type"] == "ENERGY") == cdr["total_energy"]
        assert cdr["total_time"] >= cdr["total_parking_time"] >= 0


async def test_an_operator_lists_shows_credits_and_corrects_from_the_command_line() -> None:
    async with visited() as made:
        original = await billed(made)
        node = ("--node", made.cpo.admin_url, "--key", made.cpo.admin_key)
        (listed,) = await asked("list", *node)
        assert listed["cdr"]["id"] == original["id"]
        assert (await asked("show", original["id"], *node))["cdr"] == original
        stop = str(int(made.cpo.charging_log.charging(1).meter_start) + 500)
        credit, new = await asked("correct", original["id"], "--meter-stop", stop, *node)
        assert credit["cdr"]["credit_reference_id"] == original["id"]
        assert new["cdr"]["total_energy"] == Decimal("0.5")
        (again,) = await asked("credit", new["cdr"]["id"], *node)
        assert again["cdr"]["id"] == new["cdr"]["id"] + "-C"
        for wrong in (("credit", original["id"]), ("correct", "no-such-cdr"), ("show", "no-such-cdr")):
            result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "cdr", *wrong, *node])
            assert result.exit_code == 1
            assert "Traceback" not in result.output
        for shown in (("list",), ("show", original["id"])):
            result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "cdr", *shown, *node])
            assert result.exit_code == 0, result.output


async def asked(*command: str) -> Any:
    """What the command line answers, as JSON."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["cpo", "cdr", *command, "--json"])
    assert result.exit_code == 0, result.output
    return exact_json.decode(result.stdout_bytes)
