"""Every setting of the hub, with its default and its unit; read once, at start."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from hub.ocpi.backoff import Backoff
from hub.ocpi.party import Party
from hub.pricing.plausibility.measures import Plausibility


class PolicyMode(StrEnum):
    """How it is decided who may exchange messages with whom (design D6)."""

    #: Everybody with everybody.
    OPEN = "open"
    #: Those who have an agreement, about what it says.
    AGREEMENTS = "agreements"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hub takes and how long it waits."""

    #: The largest request body, in bytes.
    request_body: int = 8 * 1024 * 1024
    #: Bytes of request bodies above 64 KiB that a process holds at once (decision 0060).
    bodies: int = 256 * 1024 * 1024
    #: Requests a second that a platform may send of each module, for longer than a few seconds.
    requests_per_second: int = 200
    #: Relayed requests that may be under way to one platform.
    relays_in_flight: int = 200
    #: For a request body to arrive whole.
    request: timedelta = timedelta(seconds=30)
    #: For a request to begin, on a connection that is open.
    idle: timedelta = timedelta(seconds=75)
    #: For the head of a request to arrive whole.
    head: timedelta = timedelta(seconds=10)
    #: For whoever asked to read its answer, where it is more than the network holds.
    answer: timedelta = timedelta(seconds=60)
    #: Connections of partners at the same time; one more, and who has been idle longest goes.
    connections: int = 15_000
    #: The largest answer of a platform, in bytes.
    reply_body: int = 32 * 1024 * 1024
    #: Objects on a page at most (X-Limit).
    page: int = 100
    #: For connecting to a platform.
    connect: timedelta = timedelta(seconds=5)
    #: For a platform's answer to begin once the request is sent; None for as long as the whole may take.
    first_byte: timedelta | None = None
    #: Connections to one server of a platform, of relays, deliveries and pulls together.
    platform_connections: int = 256
    #: How long a connection to a platform is kept without a request: less than its server usually does.
    platform_idle: timedelta = timedelta(seconds=15)
    #: For the answer to a relayed request; below what callers usually wait (RT-27).
    relay: timedelta = timedelta(seconds=20)
    #: For each step of a handshake.
    handshake: timedelta = timedelta(seconds=20)
    #: For the answer to a delivered change.
    delivery: timedelta = timedelta(seconds=20)
    #: Deliveries that one platform gets at the same time.
    deliveries_in_flight: int = 8
    #: A platform silent for so long is asked whether it is alive (HCI-10).
    silence: timedelta = timedelta(minutes=5)
    #: How long, when this process leaves and others serve on, callers that are idle may still ask something.
    farewell: timedelta = timedelta(seconds=5)
    #: How long a process that hangs keeps what it looks after, where several share a database.
    lease: timedelta = timedelta(seconds=30)
    #: How long a worker may give no sign of life before the supervisor replaces it.
    hanging: timedelta = timedelta(seconds=30)
    #: How long the change log keeps what a platform that cannot be reached has not got (design D3).
    change_log: timedelta = timedelta(days=7)
    #: How long the journal keeps an exchange.
    journal: timedelta = timedelta(days=30)
    #: How long Sessions and CDRs that passed are kept for their two parties, after they last changed.
    kept: timedelta = timedelta(days=90)
    #: How long a tariff that was replaced is kept, to judge the CDRs of sessions that began under it.
    replaced_tariff: timedelta = timedelta(days=180)
    #: Bytes of each body that the journal keeps.
    journal_body: int = 16 * 1024
    #: Of the time of a process, the share for comparing relayed bodies with their schema (decision 0053).
    looking: float = 0.05
    #: How long a URL that leads back through the hub lives, unless the message says otherwise.
    link: timedelta = timedelta(hours=24)
    #: How long after its timeout the result of a command is still in time.
    result_margin: timedelta = timedelta(seconds=5)
    #: How far ahead a reservation may end whose results still find their way back.
    reservation: timedelta = timedelta(days=366)
    #: For all eMSPs together that are asked about a token that nobody is known to own (RT-51).
    ask_all: timedelta = timedelta(seconds=10)
    #: How long it is remembered who knew a token.
    token_owner: timedelta = timedelta(minutes=15)
    #: How long it is remembered that nobody knew a token.
    unknown_token: timedelta = timedelta(seconds=30)
    #: Tokens of which that is remembered at most.
    tokens_remembered: int = 10_000
    #: How long it is remembered who set a session's charging profile (CHP-11).
    charging_profile: timedelta = timedelta(days=30)
    #: How long a CDR's Location lives.
    cdr_location: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Pulling:
    """When and how the hub pulls the lists of platforms (2.2.1, Pull and Push: hours, with some splay)."""

    #: Without it nothing is pulled but what an operator asks for.
    is_on: bool = True
    #: Between two pulls of the same list by date, for platforms that do not push.
    locations: timedelta = timedelta(hours=3)
    tariffs: timedelta = timedelta(hours=6)
    tokens: timedelta = timedelta(hours=3)
    #: How much longer or shorter than that it may be, as a share: nobody is asked by all at once (TR-33).
    splay: float = 0.1
    #: How old a full pull gets before the next one is full, too.
    full_every: timedelta = timedelta(hours=24)
    #: How far a pull by date goes back behind the one before: objects may come late to their owner (AM-09).
    overlap: timedelta = timedelta(hours=1)
    #: Within this time after connecting, or after the start of the hub, a platform is pulled.
    settling: timedelta = timedelta(seconds=30)
    #: For each page.
    patience: timedelta = timedelta(seconds=60)
    #: Objects asked for on one page.
    page: int = 100
    #: Pages under way at the same time, of all platforms together.
    at_once: int = 8
    #: When a pull that failed is tried again.
    backoff: Backoff = field(default_factory=lambda: Backoff(timedelta(minutes=1), timedelta(hours=1)))

    def interval(self, module: str) -> timedelta:
        """Between two pulls by date of a module's lists."""
        return {"locations": self.locations, "tariffs": self.tariffs, "tokens": self.tokens}[module]


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS towards callers; all files are PEM."""

    #: The certificate, with those that lead to its root.
    certificate: Path
    #: Its key; None where it stands in the same file.
    key: Path | None = None
    #: Who vouches for callers, who must show a certificate then (mutual TLS).
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How one hub runs."""

    #: The directory for what the hub keeps: database, key, run-time files.
    data: Path
    host: str = "127.0.0.1"
    #: Zero lets the system choose a free one.
    port: int = 8080
    #: File descriptors of sockets that listen already, for partners and for operators.
    inherited: tuple[int, int] | None = None
    #: Whether others on this machine may listen on the same ports.
    reuse_port: bool = False
    #: For operators; a hub that is administered from afar listens on more than the loopback address.
    admin_host: str = "127.0.0.1"
    admin_port: int = 8081
    #: A database URL; by default an SQLite file in the data directory.
    database: str | None = field(default=None, repr=False)  # it may hold a password
    #: The base URL under which partners reach the hub, without a trailing slash.
    public_url: str | None = None
    party: Party = field(default_factory=lambda: Party("NL", "HUB"))
    name: str = "ocpi-hub"
    policy: PolicyMode = PolicyMode.OPEN
    #: Whether partners may live at http URLs and private addresses (design D10); the demo says yes.
    allow_private_networks: bool = False
    #: Whether all eMSPs are asked about a token that nobody is known to own (AM-53).
    ask_all: bool = True
    #: Whether requests for one connected party go the fast path (decision 0045).
    fast_path: bool = True
    #: TLS on the partners' port; None where a proxy in front of the hub minds that.
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)
    pulling: Pulling = field(default_factory=Pulling)
    #: How far a CDR may be off before its verdict says so, and how grave that is.
    plausibility: Plausibility = field(default_factory=Plausibility)

    @property
    def database_url(self) -> str:
        """The database URL in force."""
        return self.database or f"sqlite+aiosqlite:///{self.data / 'hub.sqlite3'}"
