"""Resyncs: what is owed beside the log when an agreement begins or ends, seen where it arrives."""

from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pytest

from hub.delivery.audience import Receiver
from hub.delivery.pump import NotDeliverable
from hub.directory.directory import Platform, WhenUnreachable
from hub.http.client import HttpTransport
from hub.ocpi.party import Party, PartyRole
from hub.store.resyncs import OwedResync
from schemas.v2_2_1 import ConnectionStatus, Role
from tests.fixtures.changes import LATER, change, location, patch, put
from tests.fixtures.delivering import Gate, People, World, crash_image, delivering
from tests.fixtures.recorder import Fault, Recorder, Reply

ABC = (Role.EMSP, "DE/ABC")
OWNER = Party("NL", "TNM")
PARTY = PartyRole(Party("DE", "ABC"), Role.EMSP)


@dataclass
class Paper:
    """Whether the owner and everybody else have an agreement now."""

    is_signed: bool = True

    def __call__(self, _sender: Party, _receiver: Party, _module: str) -> bool:
        return self.is_signed


@pytest.fixture
def paper() -> Paper:
    return Paper(is_signed=False)


def owed(platform: Platform, module: str = "locations", owner: Party = OWNER) -> OwedResync:
    return OwedResync(platform.id, PARTY, module, owner)


def ids(partner: Recorder, method: str = "PUT") -> list[str]:
    return [each.path.rpartition("/")[2] for each in partner.all(method, "/receiver/")]


def locations(count: int, start: int = 0) -> list[object]:
    return [put("locations", f"/NL/TNM/L{each}", id=f"L{each}") for each in range(start, start + count)]


async def test_a_first_sync_walks_over_everything_in_the_order_of_creation(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """In several rounds; each object once, whole, from the hub, and in one exchange."""
    platform = people.recorded(msp, ABC)
    async with delivering(path, people, transport, may_exchange=paper, largest_round=7, in_flight=1) as hub:
        await hub.accept(*locations(20), put("tariffs", "/NL/TNM/T1", id="T1"))
        await hub.at_rest()
        assert msp.received == []
        paper.is_signed = True
        await hub.resync(owed(platform))
        await hub.at_rest()
    assert ids(msp) == [f"L{each}" for each in range(20)]
    assert {(each.to, each.sender) for each in msp.received} == {("DE/ABC", "HU/HUB")}
    assert {each.correlation_id for each in msp.received} == {"corr-resync"}


async def test_a_first_sync_waits_for_the_directory_that_has_its_agreement(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """Else nothing could be seen by the one in force, and that would have been all."""
    platform = people.recorded(msp, ABC)
    async with delivering(path, people, transport, may_exchange=paper) as hub:
        await hub.accept(*locations(3))
        await hub.at_rest()
        people.directory = replace(people.directory, last_resync=0)
        await hub.resync(owed(platform))
        await hub.at_rest()
        paper.is_signed = True
        people.directory = replace(people.directory, last_resync=1)
        hub.pumps.wake()
        await hub.until(lambda: len(ids(msp)) == 3)


async def test_several_owners_are_walked_over_together(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    platform = people.recorded(msp, ABC)
    people.add((Role.CPO, "FR/XYZ"), modules=())
    async with delivering(path, people, transport, may_exchange=paper, in_flight=1) as hub:
        await hub.accept(
            put("locations", "/NL/TNM/L0", id="L0"), put("locations", "/FR/XYZ/L1", id="L1"), *locations(1, 2)
        )
        await hub.at_rest()
        paper.is_signed = True
        await hub.resync(owed(platform), owed(platform, owner=Party("FR", "XYZ")))
        await hub.at_rest()
    assert ids(msp) == ["L0", "L1", "L2"]


async def test_news_is_not_kept_waiting_by_a_first_sync(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    platform = people.recorded(msp, ABC)
    async with delivering(path, people, transport, may_exchange=paper, largest_round=5, in_flight=1) as hub:
        await hub.accept(*locations(30))
        await hub.at_rest()
        paper.is_signed = True
        gate = msp.receives("PUT", "/locations/NL/TNM/L3")
        await hub.resync(owed(platform))
        await gate
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        await hub.at_rest()
    assert ids(msp).index("T1") < len(ids(msp)) - 5


async def test_a_change_in_the_middle_never_takes_an_object_back(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """The receiver lacks what is patched before the walk has come there: it gets it whole, twice."""
    platform = people.recorded(msp, ABC)
    msp.answers("PATCH", "L9", Reply(status=404, status_code=2003))
    async with delivering(path, people, transport, may_exchange=paper, largest_round=3, in_flight=1) as hub:
        await hub.accept(*locations(10))
        await hub.at_rest()
        paper.is_signed = True
        gate = msp.receives("PUT", "/locations/NL/TNM/L0")
        await hub.resync(owed(platform))
        await gate
        await hub.accept(patch("locations", "/NL/TNM/L9", LATER, name="new"))
        await hub.at_rest()
    states = [each.value.get("name") for each in msp.all("PUT", "L9")]
    assert states[-1] == "new"
    assert states == sorted(states, key=lambda name: name == "new")


async def test_what_is_refused_becomes_a_dead_letter_and_the_walk_goes_on(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """It is sent again as long as the receiver may see it, and not any more after that."""
    platform = people.recorded(msp, ABC)
    msp.answers("PUT", "L1", Reply(status_code=2001, status_message="no"))
    async with delivering(path, people, transport, may_exchange=paper, largest_round=2) as hub:
        await hub.accept(*locations(4))
        await hub.at_rest()
        paper.is_signed = True
        await hub.resync(owed(platform))
        await hub.at_rest()
        [letter] = await hub.pumps.dead_letters(platform.id)
        assert (letter.key.object_id, letter.reason) == ("L1", "no")
        paper.is_signed = False
        with pytest.raises(NotDeliverable, match="no agreement with NL/TNM"):
            await hub.pumps.send_again(letter.id)
        paper.is_signed = True
        msp.is_honest_again()
        assert (await hub.pumps.send_again(letter.id)).reason == ""
    assert sorted(ids(msp)) == ["L0", "L1", "L1", "L2", "L3"]


async def test_a_failure_in_the_middle_repeats_nothing_that_was_taken(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    platform = people.recorded(msp, ABC)
    msp.answers("PUT", "L0", Fault.SERVER_ERROR, times=2)
    async with delivering(path, people, transport, may_exchange=paper, in_flight=2) as hub:
        await hub.accept(*locations(6))
        await hub.at_rest()
        paper.is_signed = True
        await hub.resync(owed(platform))
        await hub.at_rest()
    assert sorted(ids(msp)) == ["L0", "L0", "L0", "L1", "L2", "L3", "L4", "L5"]


async def test_a_crash_in_the_middle_loses_nothing(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper, tmp_path: Path
) -> None:
    """The next process goes on where the walk was, and says at most some of it twice."""
    platform = people.recorded(msp, ABC)
    gate = Gate(transport)
    async with delivering(path, people, gate, may_exchange=paper, largest_round=3, in_flight=1) as hub:
        await hub.accept(*locations(9))
        await hub.at_rest()
        paper.is_signed = True
        half = msp.receives("PUT", "/locations/NL/TNM/L4")
        await hub.resync(owed(platform))
        await half
        gate.is_open = False
        crash_image(path, tmp_path / "image")
    before = len(msp.received)
    assert before < 9
    async with delivering(tmp_path / "image", people, transport, may_exchange=paper) as hub:
        await msp.receives("PUT", "/locations/NL/TNM/L8")
        await hub.at_rest()
    assert set(ids(msp)) == {f"L{each}" for each in range(9)}
    assert "L0" not in ids(msp)[before:]


async def test_a_withdrawal_deletes_tariffs_and_nothing_else(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """Also the one that its owner deletes meanwhile; 404 will do; the spelling is the owner's."""
    platform = people.recorded(msp, ABC)
    msp.answers("DELETE", "T2", Reply(status=404, status_code=2001))
    paper.is_signed = True
    spelled = {"country_code": "nl", "party_id": "tnm", "id": "t 1"}
    async with delivering(path, people, transport, may_exchange=paper, in_flight=1) as hub:
        await hub.accept(
            location(), put("tariffs", "/nl/tnm/t%201", **spelled), put("tariffs", "/NL/TNM/T2", id="T2")
        )
        await hub.at_rest()
        paper.is_signed = False
        await hub.accept(change("DELETE", "tariffs", "/NL/TNM/T2"))
        await hub.resync(owed(platform, "tariffs"), owed(platform))
        await hub.at_rest()
        assert await hub.pumps.dead_letters(platform.id) == ()
    deleted = [each.path.partition("/tariffs")[2] for each in msp.all("DELETE")]
    assert deleted == ["/nl/tnm/t%201", "/NL/TNM/T2"]
    assert msp.all("*", "LOC1") == msp.all("PUT", "LOC1")


async def test_the_last_word_is_that_of_the_agreement_in_force(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """Signed and ended, or ended and signed, while the receiver was away: it hears how that came out."""
    platform = people.recorded(msp, ABC)
    gate = Gate(transport)
    async with delivering(path, people, gate, may_exchange=paper) as hub:
        await hub.accept(put("tariffs", "/NL/TNM/T1", id="T1"))
        await hub.at_rest()
        for outcome in (True, False, True):
            gate.is_open = False
            for is_signed in (not outcome, outcome):
                paper.is_signed = is_signed
                await hub.resync(owed(platform, "tariffs"))
            gate.is_open = True
            await hub.at_rest()
    methods = [each.method for each in msp.received]
    assert [method for method, _ in groupby(methods)] == ["PUT", "DELETE", "PUT"]


async def test_an_agreement_that_ends_in_the_middle_ends_the_walk(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    """Not one location more than what was on its way."""
    platform = people.recorded(msp, ABC)

    def end(_received: object) -> Reply:
        paper.is_signed = False
        return Reply()

    msp.answers("PUT", "L2", end)
    async with delivering(path, people, transport, may_exchange=paper, in_flight=1) as hub:
        await hub.accept(*locations(8))
        await hub.at_rest()
        paper.is_signed = True
        await hub.resync(owed(platform))
        await hub.at_rest()
    assert ids(msp) == ["L0", "L1", "L2"]


async def test_who_is_away_is_told_on_its_return_unless_nothing_is_kept_for_it(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    platform = people.recorded(msp, ABC)
    async with delivering(path, people, transport, may_exchange=paper) as hub:
        await hub.accept(*locations(2))
        await hub.at_rest()
        paper.is_signed = True
        for kept in (WhenUnreachable.NONE, WhenUnreachable.STATE):
            hub.change(platform, status=ConnectionStatus.OFFLINE, when_unreachable=kept)
            await hub.resync(owed(platform))
            await hub.until(
                lambda kept=kept: waiting(hub, platform) == (0 if kept is WhenUnreachable.NONE else 1)
            )
            hub.change(platform, status=ConnectionStatus.CONNECTED)
            await hub.at_rest()
    assert sorted(ids(msp)) == ["L0", "L1"]


async def test_who_is_gone_is_owed_nothing(
    path: Path, people: People, transport: HttpTransport, msp: Recorder, paper: Paper
) -> None:
    platform = people.recorded(msp, ABC)
    async with delivering(path, people, transport, may_exchange=paper) as hub:
        await hub.accept(*locations(2))
        await hub.at_rest()
        paper.is_signed = True
        hub.change(platform, status=ConnectionStatus.OFFLINE)
        await hub.resync(owed(platform))
        hub.change(platform, outbound_token=None)
        await hub.until(lambda: waiting(hub, platform) == 0)
        await hub.pumps.parts.resyncs.read()
        async with hub.database.reading() as connection:
            assert (await connection.exec_driver_sql("SELECT count(*) FROM resync")).scalar() == 0
    assert msp.received == []


def waiting(hub: World, platform: Platform) -> int:
    """How many resyncs the party on the platform is owed."""
    return hub.pumps.parts.resyncs.count(Receiver(platform.id, PARTY))
