"""The hub's verdict on each CDR that passes, and CDRs that it refuses or holds (decision 0033)."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.directory.agreements import CdrTreatment
from hub.ocpi.party import Party
from hub.pricing.plausibility import Plausibility, Severity
from hub.settings import PolicyMode
from hub.store.database import opened
from hub.store.journal import Purpose
from hub.web.app import running_hub
from tests.fixtures.admin_hub import asked, run
from tests.fixtures.databases import database_in
from tests.fixtures.recorder import Answered, Fault, Recorder, Reply, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, OTHER_EMSP, Roaming, joined, roaming, settings
from tests.fixtures.samples import cdr, cdr_token, location, session, tariff, token
from tests.fixtures.waiting import soon

#: Long enough for the moments of the samples, whenever a test runs.
EVER = timedelta(days=36_500)
MINE = {"country_code": "NL", "party_id": "TNM"}
TOO_DEAR = {"total_cost": {"excl_vat": Decimal("9.99"), "incl_vat": Decimal("12.00")}}


def of_emsp(**changes: Any) -> dict[str, Any]:
    """An honest CDR for a token of the eMSP."""
    return cdr(**({"cdr_token": cdr_token(**MINE)} | changes))


@asynccontextmanager
async def world_with(
    path: Path, treatment: CdrTreatment | None = None, **severities: Severity | None
) -> AsyncIterator[Roaming]:
    """A hub that runs by agreements, if there is a treatment to agree on."""
    mode = PolicyMode.OPEN if treatment is None else PolicyMode.AGREEMENTS
    as_told = {name.replace("_", "-"): severity for name, severity in severities.items()}
    rules_in_force = Plausibility(oldest=EVER, clocks=EVER, severities=as_told)
    given = replace(settings(path, mode), plausibility=rules_in_force)
    async with roaming(path, given) as world:
        if treatment is not None:
            parties = (Party.parse(CPO), Party.parse(EMSP))
            await world.hub.signing.sign(parties, cdrs=treatment)
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Roaming]:
    async with world_with(tmp_path) as made:
        yield made


@pytest.fixture
async def holding(tmp_path: Path) -> AsyncIterator[Roaming]:
    async with world_with(tmp_path, CdrTreatment.HOLD) as made:
        yield made


@pytest.fixture
async def refusing(tmp_path: Path) -> AsyncIterator[Roaming]:
    async with world_with(tmp_path, CdrTreatment.REFUSE) as made:
        yield made


async def post(world: Roaming, value: Any, **more: Any) -> Answered:
    return await world.cpo.call("POST", world.url("cdrs", "RECEIVER"), value, to=EMSP, sender=CPO, **more)


async def push(world: Roaming, module: str, value: Mapping[str, Any], to: str = HUB) -> None:
    """An object from its owner, to everybody or to the eMSP."""
    is_token = module == "tokens"
    owner, platform = (EMSP, world.emsp) if is_token else (CPO, world.cpo)
    url = world.url(module, "RECEIVER", f"/{owner}/{value['uid' if is_token else 'id']}")
    answer = await platform.call("PUT", url, value, to=to, sender=owner)
    assert answer.code == 1000, answer.body


async def admin(world: Roaming, method: str, path: str, body: Any = None, **query: str) -> Any:
    answer = await asked(
        world.hub.admin_url, method, f"/admin/v1{path}", body, key=world.hub.admin_key, query=query
    )
    return answer.content if answer.status == 200 else answer.status


async def verdicts(
    world: Roaming, cdr_id: str = "C1", holds: Callable[[list[Any]], bool] = bool
) -> list[dict[str, Any]]:
    """The verdicts on a CDR, once they are as expected."""

    async def look() -> list[dict[str, Any]]:
        answer = await admin(world, "GET", "/cdrs/verdicts", id=cdr_id)
        return answer["verdicts"] if isinstance(answer, dict) else []

    return await soon(look, holds)


async def verdict(world: Roaming, cdr_id: str = "C1", state: str = "") -> dict[str, Any]:
    """The newest verdict on a CDR, once there is one, or the CDR is where it should be."""
    found = await verdicts(world, cdr_id, lambda each: bool(each) and state in {"", each[0]["state"]})
    return found[0]


def rules(of: Mapping[str, Any]) -> list[str]:
    return [each["rule"] for each in of["findings"]]


async def everything_is_known(world: Roaming) -> None:
    await push(world, "locations", location())
    await push(world, "tariffs", tariff())
    await push(world, "tokens", token(**MINE))
    over = {"status": "COMPLETED", "kwh": Decimal(10), "end_date_time": "2026-01-01T11:30:00Z"}
    await push(world, "sessions", session(cdr_token=cdr_token(**MINE), **over), to=EMSP)


async def test_an_honest_cdr_has_a_clean_verdict(world: Roaming) -> None:
    await everything_is_known(world)
    assert (await post(world, of_emsp(), headers={"X-Correlation-ID": "honest"})).code == 1000
    found = await verdict(world)
    assert (found["state"], found["severity"], found["findings"]) == ("passed", None, [])
    assert found["recomputed"]["total_cost"] == {"excl_vat": "3.5", "incl_vat": "4.2"}
    assert {each["difference"] for each in found["differences"]} == {"0.00"}
    assert world.noted("honest") == []


async def test_a_bad_one_passes_and_is_noted(world: Roaming) -> None:
    """By default the hub only records."""
    await everything_is_known(world)
    assert (await post(world, of_emsp(**TOO_DEAR), headers={"X-Correlation-ID": "dear"})).code == 1000
    assert len(world.emsp.all("POST", "/receiver/cdrs")) == 1
    found = await verdict(world)
    assert (found["state"], found["severity"], rules(found)) == ("passed", "hold", ["price-total"] * 2)
    assert found["findings"][0]["pointer"] == "/total_cost/excl_vat"
    assert found["findings"][0]["values"] == {"asked": "9.99", "priced": "3.5", "difference": "6.49"}
    (said,) = (each.note for each in world.noted("dear") if each.purpose is Purpose.VERDICT)
    assert "price-total" in said


@pytest.mark.holds("CDR-20", "CDR-21", by="hub")
async def test_sums_that_do_not_add_up_are_found_and_pass_as_they_are(world: Roaming) -> None:
    """Parking longer than the session, other energy than the periods have, a tariff in another currency."""
    off = {"total_parking_time": Decimal("1.50001"), "total_energy": Decimal("10.5000"), "currency": "CZK"}
    body = to_json(of_emsp(**off))
    url = world.url("cdrs", "RECEIVER")
    assert (await world.cpo.call("POST", url, body=body, to=EMSP, sender=CPO)).code == 1000
    assert (await world.emsp.receives("POST", "/receiver/cdrs")).body == body
    found = {each["rule"]: each["pointer"] for each in (await verdict(world))["findings"]}
    assert found["total-time"] == "/total_parking_time"
    assert found["total-energy"] == "/total_energy"
    assert found["currency"] == "/tariffs/0/currency"


async def test_what_the_hub_knows_is_held_against_a_cdr(world: Roaming) -> None:
    await everything_is_known(world)
    await push(world, "tokens", token(**MINE, valid=False, last_updated="2026-01-01T10:00:00Z"))
    here = cdr()["cdr_location"]
    await post(world, of_emsp(cdr_location=here | {"evse_uid": "E9"}, session_id="S9"))
    assert set(rules(await verdict(world))) == {"unknown-session", "unknown-location", "token-invalid"}


async def test_what_nobody_told_the_hub_of_is_held_against_nobody(world: Roaming) -> None:
    await post(world, of_emsp())
    assert (await verdict(world))["findings"] == []


async def test_a_tariff_changed_afterwards_changes_nothing(world: Roaming) -> None:
    """Also where the CDR leaves its tariff out, and where the hub has heard of its deletion since."""
    dearer = [{"price_components": [{"type": "ENERGY", "price": Decimal(9), "step_size": 1}]}]
    await push(world, "tariffs", tariff())
    await push(world, "tariffs", tariff(elements=dearer, last_updated="2026-01-01T10:30:00Z"))
    await post(world, of_emsp(tariffs=[]))
    assert (await verdict(world))["findings"] == []
    url = world.url("tariffs", "RECEIVER", f"/{CPO}/T1")
    assert (await world.cpo.call("DELETE", url, to=HUB, sender=CPO)).code == 1000
    await post(world, of_emsp(id="C2"))
    assert (await verdict(world, "C2"))["recomputed"]["total_cost"]["excl_vat"] == "3.5"
    await post(world, of_emsp(id="C3", tariffs=[tariff(elements=dearer)]))
    assert "tariff" in rules(await verdict(world, "C3"))


async def test_the_same_again_is_judged_once_and_with_other_content_again(world: Roaming) -> None:
    for value in (of_emsp(), of_emsp(), of_emsp(remark="other")):
        await post(world, value)
    both = await verdicts(world, holds=lambda found: len(found) == 2)
    assert [rules(each) for each in both] == [["duplicate"], []]
    assert both[0]["severity"] == "refuse"


async def test_others_at_the_same_evse_and_credits_are_compared(world: Roaming) -> None:
    await post(world, of_emsp())
    await post(world, of_emsp(id="C2", session_id="S2"))
    second = await verdict(world, "C2")
    assert (rules(second), second["findings"][0]["values"]["cdr"]) == (["overlap"], "C1")
    back = {"excl_vat": Decimal("-3.50"), "incl_vat": Decimal("-4.20")}
    taken = {"credit": True, "credit_reference_id": "C2", "total_cost": back, "session_id": "S2"}
    await post(world, of_emsp(id="C2-C", **taken))
    assert (await verdict(world, "C2-C"))["findings"] == []
    await post(world, of_emsp(id="C2-D", **taken))
    assert rules(await verdict(world, "C2-D")) == ["credit"]
    await post(world, of_emsp(id="C3", session_id="S3"))
    assert [each["values"]["cdr"] for each in (await verdict(world, "C3"))["findings"]] == ["C1"]


async def test_a_cdr_that_is_not_its_senders_and_one_that_is_none_are_judged_too(world: Roaming) -> None:
    await post(world, of_emsp(country_code="FR"))
    assert rules(await verdict(world)) == ["sender"]
    await post(world, {"id": "ODD"})
    assert set(rules(await verdict(world, "ODD"))) == {"schema"}


async def test_both_parties_may_fetch_it_and_nobody_else(world: Roaming) -> None:
    await post(world, of_emsp(**TOO_DEAR))
    await verdict(world)
    at = f"{world.hub.public_url}/ocpi/2.2.1/verdicts"
    for platform in (world.cpo, world.emsp):
        (one,) = (await platform.call("GET", f"{at}/be/bec/c1")).data
        assert (one["id"], one["severity"], one["state"]) == ("C1", "hold", "passed")
        assert (await platform.call("GET", at)).data == [one]
    async with Recorder([("EMSP", *OTHER_EMSP.split("/")), ("EMSP", *CPO.split("/"))]) as other:
        await joined(world.hub, other, "other")
        assert (await other.call("GET", f"{at}/BE/BEC/C1")).status == 404
        assert (await other.call("GET", at)).data == []
    assert (await world.cpo.call("GET", at, token="nobody")).status == 401
    assert (await world.cpo.call("GET", f"{at}/BE/BEC/C9")).status == 404
    assert (await world.cpo.call("GET", f"{at}/BE/TOO-LONG/C1")).status == 404


async def test_what_tells_of_others_is_for_the_one_who_may_know_it(world: Roaming) -> None:
    """Where else the driver was is not for the CPO; who else was there is not for the eMSP."""
    far = cdr()["cdr_location"] | {
        "id": "LOC2",
        "coordinates": {"latitude": "41.000000", "longitude": "2.000000"},
    }
    await post(world, of_emsp())
    await post(world, of_emsp(id="C2", cdr_location=far))
    await post(world, of_emsp(id="C3"))
    await verdict(world, "C3")
    seen: dict[tuple[str, str], bool] = {}
    for name, platform in (("cpo", world.cpo), ("emsp", world.emsp)):
        for cdr_id in ("C2", "C3"):
            url = f"{world.hub.public_url}/ocpi/2.2.1/verdicts/BE/BEC/{cdr_id}"
            for each in (await platform.call("GET", url)).data[0]["findings"]:
                seen[name, each["rule"]] = "cdr" in each["values"]
    assert seen == {
        ("cpo", "two-places"): False, ("emsp", "two-places"): True,
        ("cpo", "overlap"): True, ("emsp", "overlap"): False,
    }  # fmt: skip


async def test_a_held_cdr_waits_for_the_operator_and_then_goes_on_as_it_came(holding: Roaming) -> None:
    body = to_json(of_emsp(**TOO_DEAR)).replace(b'"id"', b'  "id"')
    url = holding.url("cdrs", "RECEIVER")
    for _ in range(2):
        answer = await holding.cpo.call("POST", url, body=body, to=EMSP, sender=CPO)
        assert answer.code == 2000
        assert "held by the hub" in answer.envelope["status_message"]
    assert (await verdict(holding))["state"] == "held"
    assert holding.emsp.all("POST", "/receiver/cdrs") == []
    assert [each["id"] for each in (await admin(holding, "GET", "/cdrs", state="held"))["verdicts"]] == ["C1"]
    await admin(holding, "POST", "/cdrs/release", {"id": "C1"})
    got = await holding.emsp.receives("POST", "/receiver/cdrs")
    assert (got.body, got.to, got.sender) == (body, EMSP, CPO)
    await verdict(holding, state="released")
    again = await holding.cpo.call("POST", url, body=body, to=EMSP, sender=CPO)
    assert (again.code, again.sender) == (1000, EMSP)
    assert len(holding.emsp.all("POST", "/receiver/cdrs")) == 1
    listed = await holding.emsp.call("GET", holding.url("cdrs", "SENDER"), to=HUB, sender=EMSP)
    assert [each["id"] for each in listed.data] == ["C1"]


async def test_a_clean_cdr_passes_where_bad_ones_are_held(holding: Roaming) -> None:
    assert (await post(holding, of_emsp())).code == 1000
    assert (await verdict(holding))["state"] == "passed"
    assert len(holding.emsp.all("POST", "/receiver/cdrs")) == 1


async def test_a_released_cdr_arrives_when_its_emsp_is_back(holding: Roaming) -> None:
    await post(holding, of_emsp(**TOO_DEAR))
    await holding.emsp.go_away()
    await admin(holding, "POST", "/cdrs/release", {"id": "C1"})
    waiting = await verdicts(holding, holds=lambda found: bool(found[0]["reason"]))
    assert (waiting[0]["state"], waiting[0]["reason"][:17]) == ("releasing", "not delivered yet")
    await holding.emsp.come_back()
    await holding.cpo.call("GET", holding.url("cdrs", "SENDER"), to=HUB, sender=CPO)
    assert (await holding.emsp.call("GET", holding.hub.versions_url)).status == 200  # a sign of life
    await holding.emsp.receives("POST", "/receiver/cdrs")
    await verdict(holding, state="released")


async def test_what_its_emsp_refuses_is_held_again_with_the_reason(holding: Roaming) -> None:
    await post(holding, of_emsp(**TOO_DEAR))
    holding.emsp.answers(
        "POST", "/receiver/cdrs", Reply(status_code=2001, status_message="too dear"), times=1
    )
    await admin(holding, "POST", "/cdrs/release", {"id": "C1"})
    found = await verdicts(holding, holds=lambda found: bool(found[0]["reason"]))
    assert found[0]["state"] == "held"
    assert "too dear" in found[0]["reason"]
    await admin(holding, "POST", "/cdrs/release", {"id": "C1"})
    await verdict(holding, state="released")


async def test_a_dropped_cdr_never_passes_and_its_cpo_hears_why(holding: Roaming) -> None:
    await post(holding, of_emsp(**TOO_DEAR))
    await admin(holding, "POST", "/cdrs/drop", {"id": "C1", "reason": "billed by telephone"})
    again = await post(holding, of_emsp(**TOO_DEAR))
    assert again.code == 2001
    assert "billed by telephone" in again.envelope["status_message"]
    assert (await verdict(holding))["reason"] == "billed by telephone"
    assert holding.emsp.all("POST", "/receiver/cdrs") == []
    for action, body in (("release", {}), ("drop", {"reason": "twice"})):
        assert await admin(holding, "POST", f"/cdrs/{action}", {"id": "C1", **body}) == 409
    assert await admin(holding, "POST", "/cdrs/release", {"id": "C9"}) == 404


async def test_a_cdr_that_cannot_be_right_is_refused_before_it_is_relayed(refusing: Roaming) -> None:
    answer = await post(refusing, of_emsp(total_parking_time=Decimal(-1)))
    assert answer.code == 2001
    assert "/total_parking_time" in answer.envelope["status_message"]
    assert refusing.emsp.all("POST", "/receiver/cdrs") == []
    assert (await verdict(refusing))["state"] == "refused"
    assert (await post(refusing, of_emsp())).code == 1000
    passed = await verdict(refusing, state="passed")
    assert passed["findings"] == []


async def test_what_is_only_doubtful_is_held_where_bad_ones_are_refused(refusing: Roaming) -> None:
    assert (await post(refusing, of_emsp(**TOO_DEAR))).code == 2000
    assert (await verdict(refusing))["state"] == "held"


async def test_a_rule_refuses_or_is_silent_as_the_operator_wants_it(tmp_path: Path) -> None:
    """Decision 0034: the same CDR, held by the rules as they are delivered."""
    async with world_with(
        tmp_path / "strict", CdrTreatment.REFUSE, price_total=Severity.REFUSE, vat=None
    ) as strict:
        answer = await post(strict, of_emsp(**TOO_DEAR))
        assert answer.code == 2001
        assert "/total_cost/excl_vat: asks for 9.99" in answer.envelope["status_message"]
        assert strict.emsp.all("POST", "/receiver/cdrs") == []
    async with world_with(tmp_path / "mild", CdrTreatment.REFUSE, price_total=None, vat=None) as mild:
        assert (await post(mild, of_emsp(**TOO_DEAR))).code == 1000
        assert rules(await verdict(mild)) == []


async def test_the_strictest_of_several_agreements_holds(tmp_path: Path) -> None:
    async with world_with(tmp_path, CdrTreatment.RECORD) as world:
        await world.hub.signing.sign((Party.parse(CPO), None), ("cdrs",), cdrs=CdrTreatment.HOLD)
        assert (await post(world, of_emsp(**TOO_DEAR))).code == 2000


@asynccontextmanager
async def twice(
    path: Path, treatment: CdrTreatment
) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Roaming]]]:
    """A hub that can be started again and again; its partners stay where they are."""
    given = replace(
        settings(path, PolicyMode.AGREEMENTS), plausibility=Plausibility(oldest=EVER, clocks=EVER)
    )
    async with Recorder([("CPO", *CPO.split("/"))]) as cpo, Recorder([("EMSP", *EMSP.split("/"))]) as emsp:

        @asynccontextmanager
        async def started() -> AsyncIterator[Roaming]:
            async with running_hub(given, log=None) as hub:
                if cpo.outbound_token is None:
                    await joined(hub, cpo, "cpo")
                    await joined(hub, emsp, "emsp")
                    await hub.signing.sign((Party.parse(CPO), Party.parse(EMSP)), cdrs=treatment)
                yield Roaming(hub, cpo, emsp, [])

        yield started


async def in_database(path: Path, statement: str) -> None:
    """A change that a hub would have left behind that was killed at the wrong moment."""
    async with (
        opened(database_in(path)) as database,
        database.writing() as connection,
    ):
        await connection.execute(text(statement))


async def test_a_cdr_that_was_kept_without_a_verdict_gets_one_at_the_start(tmp_path: Path) -> None:
    async with twice(tmp_path, CdrTreatment.RECORD) as started:
        async with started() as world:
            await post(world, of_emsp(**TOO_DEAR))
            await post(world, of_emsp(id="C2"))
            before = await verdict(world)
            await verdict(world, "C2")
        await in_database(tmp_path, "DELETE FROM judged_cdr WHERE cdr_id = 'C1'")
        async with started() as world:
            after = await verdict(world)
            assert set(rules(after)) == {*rules(before), "overlap"}  # judged anew, C2 is there before
            assert after["state"] == "passed"
            assert len(await verdicts(world, "C2")) == 1
            assert len(world.emsp.all("POST", "/receiver/cdrs")) == 2


async def test_what_is_held_is_held_after_a_restart_and_what_was_released_goes_on(tmp_path: Path) -> None:
    async with twice(tmp_path, CdrTreatment.HOLD) as started:
        async with started() as world:
            for cdr_id in ("C1", "C2"):
                assert (await post(world, of_emsp(id=cdr_id, **TOO_DEAR))).code == 2000
        await in_database(tmp_path, "UPDATE judged_cdr SET state = 'releasing' WHERE cdr_id = 'C2'")
        async with started() as world:
            got = await world.emsp.receives("POST", "/receiver/cdrs")
            assert got.value == of_emsp(id="C2", **TOO_DEAR)
            await verdict(world, "C2", state="released")
            assert (await verdict(world))["state"] == "held"
            assert len(world.emsp.all("POST", "/receiver/cdrs")) == 1


async def test_what_was_released_arrives_although_the_answer_was_lost(tmp_path: Path) -> None:
    """Killed between the eMSP's answer and writing it down: it comes twice, just the same (CDR-19)."""
    async with twice(tmp_path, CdrTreatment.HOLD) as started:
        async with started() as world:
            await post(world, of_emsp(**TOO_DEAR))
            world.emsp.answers("POST", "/receiver/cdrs", Fault.CLOSE, times=1)
            await admin(world, "POST", "/cdrs/release", {"id": "C1"})
            await verdicts(
                world, holds=lambda found: bool(found[0]["reason"]) or found[0]["state"] == "released"
            )
            await world.emsp.receives("POST", "/receiver/cdrs", 2)
            await verdict(world, state="released")
        bodies = {each.body for each in world.emsp.all("POST", "/receiver/cdrs")}
        assert len(bodies) == 1


async def test_the_command_line(holding: Roaming) -> None:
    def cdrs(*arguments: str) -> Any:
        environment = {
            "OCPI_HUB_ADMIN_URL": holding.hub.admin_url,
            "OCPI_HUB_ADMIN_KEY": holding.hub.admin_key,
        }
        return run("cdr", *arguments, **environment)

    await post(holding, of_emsp(**TOO_DEAR))
    listed = await cdrs("list", "--held")
    assert "price-total" in listed.out
    shown = await cdrs("verdict", "C1", "--owner", CPO)
    assert "CDR C1 of BE/BEC for NL/TNM" in shown.out
    assert "9.99" in shown.out
    dropped = await cdrs("drop", "C1", "--reason", "no")
    assert (dropped.code, dropped.out) == (0, "CDR C1 is dropped.\n")
    assert (await cdrs("release", "C1")).code == 1
