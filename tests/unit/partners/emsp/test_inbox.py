"""Sessions and CDRs that CPOs send: SES-01 to SES-21 and CDR-01 to CDR-19, seen from the CPO."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.emsp_world import World, emsp_world
from tests.fixtures.recorder import Answered, Recorder
from tests.fixtures.samples import T1, T2, cdr, cdr_token, location, period, session

SESSION = "sessions/receiver/BE/BEC/S1"
CDRS = "cdrs/receiver"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with emsp_world() as world:
        yield world


class TestSessions:
    @pytest.mark.holds("SES-04", "SES-21", by="emsp")
    async def test_a_session_grows_by_patches(self, world: World) -> None:
        """SES-01, SES-04, SES-21: of a location that nobody has heard of."""
        assert (await world.call("PUT", SESSION, session())).status == 201
        patch = {
            "kwh": Decimal("4.5"),
            "charging_periods": [period(T1, ENERGY="3")],
            "total_cost": {"excl_vat": Decimal("1.13")},
            "last_updated": T1,
        }
        assert (await world.call("PATCH", SESSION, patch)).code == 1000
        (kept,) = world.node.sessions()
        assert (kept.kwh, len(kept.charging_periods)) == (Decimal("4.5"), 2)
        assert kept.total_cost is not None

    async def test_waiting_for_a_session_to_be_active(self, world: World) -> None:
        await world.call("PUT", SESSION, session(status="PENDING"))
        await world.call("PATCH", SESSION, {"status": "ACTIVE", "last_updated": T1})
        found = await world.node.until(lambda: [s for s in world.node.sessions() if s.status == "ACTIVE"])
        assert found[0].id == "S1"

    @pytest.mark.parametrize("owner", [{"party_id": "EMB"}, {"country_code": "DE"}])
    @pytest.mark.holds("AM-26", by="emsp")
    async def test_a_session_of_somebody_elses_token_is_refused(
        self, world: World, owner: dict[str, str]
    ) -> None:
        """AM-26."""
        answer = await world.call("PUT", SESSION, session(cdr_token=cdr_token(**owner)))
        assert (answer.status, answer.code) == (200, 2001)
        assert "/cdr_token" in answer.envelope["status_message"]
        assert world.node.sessions() == []

    @pytest.mark.parametrize("status", ["COMPLETED", "INVALID"])
    @pytest.mark.holds("SES-09", by="emsp")
    async def test_a_final_session_does_not_change(self, world: World, status: str) -> None:
        """SES-09: the same again is success, anything else is refused."""
        final = session(status=status, last_updated=T1)
        await world.call("PUT", SESSION, final)
        assert (await world.call("PUT", SESSION, final)).code == 1000
        for method, value in (
            ("PUT", session(status="ACTIVE", last_updated=T2)),
            ("PATCH", {"kwh": Decimal(99), "last_updated": T2}),
        ):
            assert (await world.call(method, SESSION, value)).code == 2000
        assert world.node.node.objects.all("sessions")[0].value() == final

    @pytest.mark.holds("AM-23", by="emsp")
    async def test_a_session_without_an_evse_is_a_reservation(self, world: World) -> None:
        """SES-13, AM-23: read tolerantly."""
        reserved = session(status="RESERVED", evse_uid="#NA", connector_id="#NA")
        assert (await world.call("PUT", SESSION, reserved)).status == 201
        assert world.node.sessions()[0].status == "RESERVATION"


def located(world: World, answer: Answered) -> str:
    url = answer.headers["Location"]
    assert url.startswith(world.node.url + "/")
    return url


class TestCdrs:
    @pytest.mark.holds("CDR-02", "CDR-03", "CDR-18", "SES-21", by="emsp")
    async def test_a_cdr_is_kept_and_its_url_told(self, world: World) -> None:
        """CDR-02, CDR-03, CDR-18: 201, Location absolute, and GET there gives it back."""
        answer = await world.call("POST", CDRS, cdr())
        assert (answer.status, answer.code) == (201, 1000)
        assert "data" not in answer.envelope
        there = await world.hub.call("GET", located(world, answer), to="NL/EMA", sender="BE/BEC")
        assert there.data == cdr()
        assert (there.to, there.sender) == ("BE/BEC", "NL/EMA")

    @pytest.mark.holds("CDR-19", by="emsp")
    async def test_a_second_post_of_the_same_is_answered_like_the_first(self, world: World) -> None:
        """CDR-19: however its numbers are spelled, there is never a second record."""
        first = await world.call("POST", CDRS, cdr())
        again = await world.call("POST", CDRS, cdr(total_energy=Decimal("10.0")))
        assert (again.status, again.code) == (200, 1000)
        assert again.headers["Location"] == first.headers["Location"]
        assert len(world.node.cdrs()) == 1

    @pytest.mark.holds("CDR-01", "CDR-19", by="emsp")
    async def test_another_cdr_with_the_same_id_is_refused(self, world: World) -> None:
        """CDR-01, CDR-19: a CDR is final."""
        await world.call("POST", CDRS, cdr())
        answer = await world.call("POST", CDRS, cdr(total_energy=Decimal(11)))
        assert (answer.status, answer.code) == (200, 2001)
        assert "Location" not in answer.headers
        assert world.node.cdrs()[0].total_energy == Decimal(10)

    @pytest.mark.holds("AM-28", by="emsp")
    async def test_ids_are_unique_for_one_owner_only(self, world: World) -> None:
        """CDR-05, AM-28."""
        first = await world.call("POST", CDRS, cdr())
        other = await world.call("POST", CDRS, cdr(party_id="XXX"), sender="BE/XXX")
        assert other.status == 201
        assert other.headers["Location"] != first.headers["Location"]

    async def test_an_id_with_a_slash_has_a_url_that_works(self, world: World) -> None:
        answer = await world.call("POST", CDRS, cdr(id="2026/00*1 é".replace("é", "e")))
        there = await world.hub.call("GET", located(world, answer))
        assert there.data["id"] == "2026/00*1 e"

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"cdr_token": cdr_token(party_id="EMB")}, "/cdr_token"),
            ({"charging_periods": []}, "/charging_periods"),
            ({"id": "x" * 37}, "/id"),
            ({"credit": True}, "/credit_reference_id"),
            ({"credit_reference_id": "C0"}, "/credit_reference_id"),
            ({"total_cost": {"excl_vat": Decimal(-1)}}, "/total_cost"),
            ({"charging_periods": [period(POWER="11")]}, "/charging_periods/0"),
            ({"party_id": "B-C"}, "/party_id"),
        ],
    )
    @pytest.mark.holds("CDR-05", "CDR-08", "CDR-11", "AM-26", by="emsp")
    async def test_a_wrong_cdr_is_2001_with_the_place(
        self, world: World, changes: dict[str, Any], pointer: str
    ) -> None:
        """CDR-05, CDR-08, CDR-11, AM-26."""
        answer = await world.call("POST", CDRS, cdr(**changes))
        assert (answer.status, answer.code) == (200, 2001)
        assert pointer in answer.envelope["status_message"]
        assert world.node.cdrs() == []

    @pytest.mark.holds("RT-39", "AM-07", by="emsp")
    async def test_nobody_brings_the_cdr_of_another_cpo(self, world: World) -> None:
        """AM-07; CDRs are never broadcast (RT-39), so the hub is not their sender either."""
        for sender in ("DE/XXX", "HU/HUB"):
            assert (await world.call("POST", CDRS, cdr(), sender=sender)).code == 2001
        assert world.node.cdrs() == []

    @pytest.mark.holds("CDR-06", by="emsp")
    async def test_a_credit_cdr_is_a_cdr_of_its_own(self, world: World) -> None:
        """CDR-06."""
        await world.call("POST", CDRS, cdr())
        credit = cdr(
            id="C1-CREDIT",
            credit=True,
            credit_reference_id="C1",
            total_cost={"excl_vat": Decimal("-3.50"), "incl_vat": Decimal("-4.20")},
        )
        assert (await world.call("POST", CDRS, credit)).status == 201
        assert sum(bill.total for bill in world.node.bills()) == 0

    @pytest.mark.parametrize("tail", ["/C1", "/C1/BE", "/C1/BE/BEC/x", "/C1/B-/BEC", "/C2/BE/BEC"])
    async def test_other_urls_are_404(self, world: World, tail: str) -> None:
        await world.call("POST", CDRS, cdr())
        assert (await world.call("GET", CDRS + tail)).status == 404

    @pytest.mark.holds("CDR-01", "TR-40", by="emsp")
    async def test_only_post_makes_a_cdr(self, world: World) -> None:
        """CDR-01."""
        answer = await world.call("POST", CDRS, cdr())
        url = located(world, answer)
        for method in ("PUT", "PATCH", "DELETE"):
            assert (await world.hub.call(method, url, cdr())).status == 405
        assert (await world.call("GET", CDRS)).status == 405

    async def test_on_a_direct_link_only_own_cdrs(self) -> None:
        async with emsp_world() as world, Recorder(roles=[("CPO", "BE", "BEC")]) as cpo:
            await world.node.node.unregister()
            await cpo.register(world.node.versions_url, world.node.issue_token_a())
            url = f"{world.node.url}/ocpi/2.2.1/{CDRS}"
            assert (await cpo.call("POST", url, cdr(party_id="XXX"))).code == 2001
            assert (await cpo.call("POST", url, cdr())).status == 201


async def test_sessions_and_cdrs_survive_a_restart(tmp_path: Any) -> None:
    settings = {"database": tmp_path / "emsp.sqlite"}
    async with emsp_world(settings=settings) as world:
        await world.call("PUT", SESSION, session())
        await world.call("POST", CDRS, cdr())
        await world.call("PUT", "locations/receiver/BE/BEC/LOC1", location())
    async with emsp_world(settings=settings) as world:
        assert [each.id for each in world.node.sessions()] == ["S1"]
        assert [each.id for each in world.node.cdrs()] == ["C1"]
        assert [each.id for each in world.node.locations()] == ["LOC1"]
