"""Whatever is accepted, whatever partners do, whenever the hub is killed: in the end each receiver has the
newest state of each object that it may see, and nothing ever went back (design D3, section 5).
"""

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.ocpi.backoff import Backoff
from hub.ocpi.errors import NotFound
from hub.ocpi.party import Party, PartyRole
from hub.ocpi.timestamps import format_timestamp
from hub.store.resyncs import OwedResync
from schemas import exact_json
from schemas.v2_2_1 import ConnectionStatus, Role
from tests.fixtures.changes import change
from tests.fixtures.databases import is_postgresql, lent
from tests.fixtures.delivering import People, World, crash_image, delivering
from tests.fixtures.shelves import Mood, Shelves

START = datetime(2026, 5, 1, tzinfo=UTC)
#: The platforms: two CPOs that are customers, too, three that receive, and one that joins some day.
PLATFORMS: dict[int, tuple[tuple[Role, str], ...]] = {
    1: ((Role.CPO, "NL/AAA"), (Role.EMSP, "NL/AAM")),
    2: ((Role.CPO, "NL/BBB"), (Role.EMSP, "NL/BBB")),
    3: ((Role.EMSP, "DE/CCC"), (Role.NSP, "DE/DDD")),
    4: ((Role.EMSP, "DE/EEE"),),
    5: ((Role.NAP, "FR/NAP"),),
    6: ((Role.EMSP, "FR/NEW"),),
}
NEWCOMER = 6
OWNERS = {"AAA": 1, "BBB": 2}
OBJECTS = ("1", "2")
EVSES = ("E1", "E2")

EEE = PartyRole(Party("DE", "EEE"), Role.EMSP)

numbers = st.sampled_from(sorted(PLATFORMS))
owners = st.sampled_from(sorted(OWNERS))
objects = st.sampled_from(OBJECTS)
evses = st.sampled_from(EVSES)
changes = st.one_of(
    st.tuples(st.just("put location"), owners, objects),
    st.tuples(st.just("patch location"), owners, objects),
    st.tuples(st.just("put evse"), owners, objects, evses),
    st.tuples(st.just("patch evse"), owners, objects, evses),
    st.tuples(st.just("put tariff"), owners, objects),
    st.tuples(st.just("delete tariff"), owners, objects),
    st.tuples(st.just("late location"), owners, objects),
)
events = st.one_of(
    st.tuples(st.just("mood"), numbers, st.sampled_from(Mood)),
    st.tuples(st.just("down"), numbers),
    st.tuples(st.just("up"), numbers),
    st.tuples(st.just("offline"), numbers),
    st.tuples(st.just("connected"), numbers),
    st.tuples(st.just("rest")),
    st.tuples(st.just("join")),
    st.tuples(st.just("crash")),
    st.tuples(st.just("sign")),
    st.tuples(st.just("end")),
)
steps = st.lists(changes | changes | events, min_size=1, max_size=40)


@dataclass
class Story:
    """What happens, step by step, to a hub that is started anew after each crash."""

    folder: Path
    shelves: Shelves = field(default_factory=Shelves)
    people: People = field(default_factory=People)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    starts: int = 0
    count: int = 0
    #: What changed since the newcomer joined, as module, owner and id; None before.
    since_joining: set[tuple[str, str, str]] | None = None
    #: Whether two of the parties have an agreement; all others have.
    is_agreed: bool = False

    def may_exchange(self, sender: Party, receiver: Party, _module: str) -> bool:
        return self.is_agreed or (str(sender), str(receiver)) != ("NL/AAA", "DE/EEE")

    def file(self, later: int = 0) -> Path:
        return self.folder / f"{self.starts + later}.sqlite3"

    async def start(self) -> None:
        self.starts += 1
        self.path = self.file()
        self.hub: World = await self.stack.enter_async_context(
            delivering(
                self.path,
                self.people,
                self.shelves,
                may_exchange=self.may_exchange,
                backoff=Backoff(timedelta(0), timedelta(milliseconds=2)),
                attempts=1_000_000,
                in_flight=2,
                tail=self.starts,
                largest_round=3,
            )
        )

    async def crash(self) -> None:
        crash_image(self.path, self.file(later=1))
        await self.stack.aclose()
        last = self.hub.last
        await self.start()
        self.hub.last = last

    async def take(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("mood", number, mood):
                self.shelf(number).moods.append(mood)
            case ("down" | "up" as way, number):
                self.shelf(number).is_up = way == "up"
            case ("offline" | "connected" as status, number):
                status = ConnectionStatus(status.upper())
                self.hub.change(self.people.platforms[number], status=status)
            case ("rest",):
                for number in PLATFORMS:
                    self.shelf(number).is_up = True
                await self.hub.at_rest()
            case ("join",):
                await self.join()
            case ("crash",):
                await self.crash()
            case ("sign" | "end" as way,):
                self.is_agreed = way == "sign"
                await self.hub.resync(
                    *(OwedResync(4, EEE, module, Party("NL", "AAA")) for module in ("locations", "tariffs"))
                )
            case (what, *where):
                await self.accept(what, *where)

    async def join(self) -> None:
        self.hub.change(self.people.platforms[NEWCOMER], outbound_token="t")
        await self.hub.adopted()
        self.since_joining = self.since_joining or set()

    def shelf(self, number: int) -> Any:
        return self.shelves.of(f"{number}.example")

    async def accept(self, what: str, owner: str, name: str, evse: str = "") -> None:
        self.count += 1
        late = "late" in what
        moment = START if late else START + timedelta(seconds=self.count)
        value: Any = {"n": self.count, "last_updated": format_timestamp(moment)}
        method, thing = what.replace("late", "PUT").split()
        module = "tariffs" if thing == "tariff" else "locations"
        if method.upper() == "PUT" and thing == "location":
            value["evses"] = [{"uid": EVSES[0], "n": self.count, "last_updated": value["last_updated"]}]
        if thing == "evse":
            value["uid"] = evse
        tail = f"/NL/{owner}/{name}" + (f"/{evse}" if evse else "")
        body = None if method == "delete" else value
        with suppress(NotFound):
            [accepted] = await self.hub.accept(
                change(method.upper(), module, tail, body, platform=OWNERS[owner])
            )
            if accepted.seq is not None and self.since_joining is not None:
                self.since_joining.add((module, owner, name))

    async def end(self) -> None:
        """Everybody is there and well, until everything is delivered."""
        for number in PLATFORMS:
            self.shelf(number).is_up = True
            self.hub.change(self.people.platforms[number], status=ConnectionStatus.CONNECTED)
        await self.hub.at_rest()

    async def expected(self, number: int) -> dict[tuple[str, ...], Any]:
        """What the platform should have: the newest state of what each of its parties may see."""
        wanted: dict[tuple[str, ...], Any] = {}
        async with self.hub.database.reading() as connection:
            rows = (
                await connection.exec_driver_sql(
                    "SELECT module, country_code, party_id, object_id, body FROM object WHERE NOT is_deleted"
                )
            ).all()
        for module, country_code, party_id, name, body in rows:
            for role, party in PLATFORMS[number]:
                owner = Party(country_code, party_id)
                is_other = OWNERS[party_id] != number and Party.parse(party) != owner
                is_new = number != NEWCOMER or (module, party_id, name) in (self.since_joining or ())
                may = self.may_exchange(owner, Party.parse(party), module)
                if role is not Role.CPO and is_other and is_new and may:
                    wanted[party, module, country_code, party_id, name] = stripped(exact_json.decode(body))
        return wanted


def stripped(value: Any) -> Any:
    """The value without times, which a receiver moves by rules of its own, and without an order of EVSEs."""
    if isinstance(value, dict):
        return {name: stripped(each) for name, each in value.items() if name != "last_updated"}
    if isinstance(value, list):
        return sorted((stripped(each) for each in value), key=lambda each: each["uid"])
    return value


@settings(
    max_examples=10 if is_postgresql() else 50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(story=steps)
async def test_everybody_has_the_newest_state_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[Any, ...]]
) -> None:
    told = Story(tmp_path_factory.mktemp("story"))
    for number, roles in PLATFORMS.items():
        token = None if number == NEWCOMER else "t"
        told.people.add(*roles, url=f"http://{number}.example", outbound_token=token)
    with lent():
        async with told.stack:
            await told.start()
            for step in story:
                await told.take(step)
            await told.end()
            for number in PLATFORMS:
                shelf = told.shelf(number)
                have = {
                    where: stripped(value)
                    for where, value in shelf.objects.items()
                    # What it was told before the end stays there, as it was then.
                    if told.is_agreed or where[:4] != ("DE/EEE", "locations", "NL", "AAA")
                }
                assert have == await told.expected(number)
                assert shelf.went_back == []
