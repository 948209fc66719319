"""How much is measured: everything, enough to see what is far off, or just enough to see that it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and times of all measurements."""

    name: str
    #: Whether another library is fetched and compared: that takes a while.
    has_library: bool
    #: Requests under way at the same time.
    connections: int
    #: How often candidates take turns.
    rounds: int
    #: How long each is loaded in a turn.
    seconds: float
    #: Receivers of one change.
    receivers: tuple[int, ...]
    #: Changes to them that are looked at one by one.
    changes: int
    #: The storm: receivers, one of the numbers above; changes a second, seconds, and locations of two EVSEs.
    storm_receivers: int
    storm_rate: int
    storm_seconds: float
    storm_locations: int
    #: Objects of which pages are asked for.
    locations: int
    #: Parties whose lists are pulled, and locations of each.
    pulled_owners: int
    pulled_each: int
    #: Partners, of whom one is faulty, and requests a second to all of them together.
    partners: int
    faulty_rate: int
    faulty_seconds: float
    #: Receivers, changes a second under which the hub is killed, and how long until then.
    killed_receivers: int
    killed_rate: int
    killed_seconds: float
    #: Traffic whose memory is looked at: as many requests, in so many steps.
    memory_requests: int
    memory_steps: int
    #: Processes of a hub on PostgreSQL.
    workers: tuple[int, ...]
    #: CDRs that are priced for each figure.
    cdrs: int
    #: OCPP: stations that talk and what they say together, idle links, stations that come back at once.
    talking: int
    messages: int
    idle: int
    returning: int


FULL = Scale(
    "full",
    has_library=True,
    connections=64,
    rounds=4,
    seconds=1.5,
    receivers=(1, 10, 100, 1000),
    changes=20,
    storm_receivers=100,
    storm_rate=500,
    storm_seconds=10.0,
    storm_locations=250,
    locations=100_000,
    pulled_owners=50,
    pulled_each=1_200,
    partners=10,
    faulty_rate=300,
    faulty_seconds=4.0,
    killed_receivers=10,
    killed_rate=300,
    killed_seconds=3.0,
    memory_requests=30_000,
    memory_steps=6,
    workers=(1, 2),
    cdrs=2_000,
    talking=500,
    messages=50_000,
    idle=10_000,
    returning=2_000,
)
QUICK = Scale(
    "quick",
    has_library=True,
    connections=64,
    rounds=3,
    seconds=1.0,
    receivers=(1, 10, 100),
    changes=10,
    storm_receivers=10,
    storm_rate=200,
    storm_seconds=3.0,
    storm_locations=250,
    locations=5_000,
    pulled_owners=20,
    pulled_each=200,
    partners=10,
    faulty_rate=200,
    faulty_seconds=2.0,
    killed_receivers=10,
    killed_rate=200,
    killed_seconds=1.5,
    memory_requests=10_000,
    memory_steps=3,
    workers=(1, 2),
    cdrs=500,
    talking=200,
    messages=10_000,
    idle=2_000,
    returning=500,
)
#: For the test that everything runs; its figures mean nothing.
TINY = Scale(
    "tiny",
    has_library=False,
    connections=4,
    rounds=1,
    seconds=0.1,
    receivers=(1, 3),
    changes=2,
    storm_receivers=3,
    storm_rate=20,
    storm_seconds=0.3,
    storm_locations=3,
    locations=120,
    pulled_owners=2,
    pulled_each=4,
    partners=2,
    faulty_rate=50,
    faulty_seconds=0.3,
    killed_receivers=2,
    killed_rate=50,
    killed_seconds=0.3,
    memory_requests=40,
    memory_steps=2,
    workers=(1,),
    cdrs=25,
    talking=4,
    messages=40,
    idle=4,
    returning=4,
)
