"""Every table, side by side.

Rows that are administered (platforms, roles, endpoints, tokens) are few and read into the
Directory. Rows that are hot (objects, changes, cursors, journal) are written in batches by plain
SQL; objects are TEXT, as they came (D8). Party codes and ids in the hot tables are folded to upper
case; bodies keep every spelling. Instants in the hot tables are microseconds since 1970 (UTC), so
that every database orders them alike.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

#: Numbers that were given out once stay given out, also when their rows are gone.
NEVER_REUSED = {"sqlite_autoincrement": True}
#: SQLite numbers rows by itself only in INTEGER columns.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
#: The kind of database that has an index, where not every kind has it.
ONLY_ON = "only_on"
BETWEEN_TWO = text("addressee_party_id IS NOT NULL")
IS_AWAITED = text("due_at IS NOT NULL")
HAS_AN_AGE = text("kept_at IS NOT NULL")


class MadeWithRow(SQLModel, table=True):
    """One row: the fingerprint of the tables that this database was made with."""

    __tablename__ = "made_with"

    fingerprint: str = Field(primary_key=True)


class PlatformRow(SQLModel, table=True):
    """A connected system: one pair of credentials tokens, one versions URL."""

    __tablename__ = "platform"
    __table_args__ = NEVER_REUSED

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    #: A ConnectionStatus: PLANNED until registered, then CONNECTED, OFFLINE or SUSPENDED.
    status: str
    #: Suspended by an operator; a sign of life does not end that.
    is_blocked: bool = False
    versions_url: str | None = None
    version: str | None = None
    #: The token that we show the platform, encrypted.
    outbound_token: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    #: The one that we showed before, while it is not sure that the platform knows of the new one; encrypted.
    previous_outbound_token: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    token_encoding: str = "base64"  # noqa: S105 the name of an encoding
    #: What happens to changes while the platform cannot be reached: `state` or `none` (design D3).
    when_unreachable: str = "state"
    #: Whether relayed bodies with findings are refused: `relay` or `refuse` (design D5).
    bad_bodies: str = "relay"
    #: Requests a second that the platform may send of each module, None for the hub's own limit.
    rate_limit: int | None = None
    #: When its lists are pulled: `auto`, `always` or `never`.
    pull: str = "auto"
    #: A fingerprint of what it has seen of the hub: URLs, endpoints, party and name.
    seen_of_hub: str | None = None
    #: The end of the change log when it last brought a party: what came after that its parties are told.
    since_change: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: Whether it may register in the role HUB, and so speak for parties of its own: `refused` or `allowed`.
    hub_role: str = "refused"
    created_at: datetime
    connected_at: datetime | None = None

    @property
    def stored_id(self) -> int:
        """The id of a row that was written or read."""
        if self.id is None:
            raise ValueError("a platform has an id when its row is stored")
        return self.id


class PlatformRoleRow(SQLModel, table=True):
    """A party in a role, as the platform registered it."""

    __tablename__ = "platform_role"
    __table_args__ = (UniqueConstraint("role", "country_code_folded", "party_id_folded"),)

    id: int | None = Field(default=None, primary_key=True)
    platform_id: int = Field(foreign_key="platform.id", index=True, ondelete="CASCADE")
    role: str
    country_code: str
    party_id: str
    country_code_folded: str
    party_id_folded: str
    #: BusinessDetails as JSON, as it came.
    business_details: str = Field(sa_column=Column(Text, nullable=False))


class DistantPartyRow(SQLModel, table=True):
    """A party that another hub reaches, as that hub told in its ClientInfo (RT-10)."""

    __tablename__ = "distant_party"

    platform_id: int = Field(foreign_key="platform.id", primary_key=True, ondelete="CASCADE")
    role: str = Field(primary_key=True)
    country_code: str = Field(primary_key=True)
    party_id: str = Field(primary_key=True)
    #: A ConnectionStatus, as the other hub sees it.
    status: str
    #: When that changed, by the other hub's clock.
    last_updated: datetime


class EndpointRow(SQLModel, table=True):
    """Where a platform offers a module's interface."""

    __tablename__ = "endpoint"

    platform_id: int = Field(foreign_key="platform.id", primary_key=True, ondelete="CASCADE")
    module: str = Field(primary_key=True)
    interface: str = Field(primary_key=True)
    url: str


class QuirkRow(SQLModel, table=True):
    """A quirk of a platform: found out, or pinned by an operator."""

    __tablename__ = "quirk"

    platform_id: int = Field(foreign_key="platform.id", primary_key=True, ondelete="CASCADE")
    name: str = Field(primary_key=True)
    #: What it is about: empty for the whole platform, else such as `locations RECEIVER`.
    about: str = Field(default="", primary_key=True)
    value: str
    #: `observed` or `pinned`.
    source: str
    first_seen: datetime
    last_seen: datetime
    #: How often it was seen.
    count: int = 0
    #: Of an exchange in which it was seen.
    correlation_id: str | None = None


class InboundTokenRow(SQLModel, table=True):
    """A token that a platform may show us; found by its hash, shown again only decrypted (design D10)."""

    __tablename__ = "inbound_token"

    id: int | None = Field(default=None, primary_key=True)
    platform_id: int = Field(foreign_key="platform.id", index=True, ondelete="CASCADE")
    #: SHA-256 of the token, in hexadecimal.
    token_hash: str = Field(unique=True)
    token: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    #: A TokenPurpose: registration (token A), pending or credentials.
    purpose: str
    created_at: datetime
    #: A newer one was given. Until this moment both work; from then on the first that is shown stays.
    retires_at: datetime | None = None


class AgreementRow(SQLModel, table=True):
    """Two parties that may exchange messages (design D6); it is ended, and never removed."""

    __tablename__ = "agreement"
    __table_args__ = NEVER_REUSED

    id: int | None = Field(default=None, primary_key=True)
    #: `NL/TNM`, folded; `*` is anybody.
    first_party: str
    second_party: str
    #: Separated by commas; empty for all.
    modules: str = ""
    begins_at: datetime | None = None
    until: datetime | None = None
    signed_at: datetime
    ended_at: datetime | None = None
    #: A CdrTreatment: record, hold or refuse.
    cdrs: str = "record"


class PolicyRow(SQLModel, table=True):
    """By what the partners were last told who there is for them; one row at most."""

    __tablename__ = "policy"

    id: int = Field(default=1, primary_key=True)
    #: A PolicyMode.
    mode: str
    mode_since: datetime
    #: Up to which moment agreements that begin and end by themselves were looked at.
    settled_at: datetime


class ObjectRow(SQLModel, table=True):
    """The newest state of an OCPI object, as the JSON text that came (design D4)."""

    __tablename__ = "object"
    __table_args__ = (
        # The id comes first, so that an object is also found where only its id is known (RT-49).
        UniqueConstraint("module", "object_id", "country_code", "party_id", "variant"),
        # Both hold all that a page asks for, so that neither counting nor skipping touches a body.
        Index(
            "object_by_creation", "module", "is_deleted", "seq", "last_updated", "country_code", "party_id"
        ),
        Index("object_by_time", "module", "is_deleted", "last_updated", "seq", "country_code", "party_id"),
        # Over what is between two parties alone, which most objects are not.
        Index(
            "object_by_addressee",
            "module",
            "is_deleted",
            "addressee_country_code",
            "addressee_party_id",
            "seq",
            "last_updated",
            "country_code",
            "party_id",
            sqlite_where=BETWEEN_TWO,
            postgresql_where=BETWEEN_TWO,
        ),
        Index(
            "object_between_two_by_owner",
            "module",
            "is_deleted",
            "country_code",
            "party_id",
            "seq",
            "last_updated",
            "addressee_party_id",
            sqlite_where=BETWEEN_TWO,
            postgresql_where=BETWEEN_TWO,
        ),
        Index("object_by_age", "kept_at", sqlite_where=HAS_AN_AGE, postgresql_where=HAS_AN_AGE),
        NEVER_REUSED,
    )

    #: The order of creation, which is the order of pages (PG-11).
    seq: int | None = Field(default=None, sa_column=Column(SEQUENCE, primary_key=True, autoincrement=True))
    module: str
    country_code: str
    party_id: str
    object_id: str
    #: What tells objects with one id apart: the type of a token, the role of a ClientInfo.
    variant: str = ""
    platform_id: int | None = None
    #: The owner's last_updated, never ours (RT-24).
    last_updated: int = Field(sa_column=Column(BigInteger, nullable=False))
    #: A deleted object stays until the change that deleted it leaves the log.
    is_deleted: bool = False
    #: When the last full list of its owner that has it was begun, None where none was read (TR-39).
    listed_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: The newest change of it in the log, None where it was never owed to others.
    change_seq: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: The only party, besides the owner, that may see it; None where everybody concerned may.
    addressee_country_code: str | None = None
    addressee_party_id: str | None = None
    #: When something between two parties was last kept, by the hub's clock: it is deleted by its age.
    kept_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    body: str = Field(sa_column=Column(Text, nullable=False))


class TariffVersionRow(SQLModel, table=True):
    """A tariff as it was from a moment on: what is billed is judged by the one that was valid then."""

    __tablename__ = "tariff_version"

    country_code: str = Field(primary_key=True)
    party_id: str = Field(primary_key=True)
    tariff_id: str = Field(primary_key=True)
    #: Its last_updated; of one that was withdrawn, when the hub heard of that.
    since: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    #: Empty: it was withdrawn.
    body: str = Field(sa_column=Column(Text, nullable=False))


class JudgedCdrRow(SQLModel, table=True):
    """The verdict on a CDR that came to the hub, and what became of the CDR (decision 0033)."""

    __tablename__ = "judged_cdr"
    __table_args__ = (
        UniqueConstraint("country_code", "party_id", "cdr_id", "digest"),
        Index("judged_cdr_by_id", "cdr_id", "seq"),
        Index("judged_cdr_by_evse", "country_code", "party_id", "evse", "ends_at"),
        Index("judged_cdr_by_token", "token", "ends_at"),
        Index("judged_cdr_by_original", "country_code", "party_id", "credit_of"),
        Index("judged_cdr_by_state", "state", "seq"),
        NEVER_REUSED,
    )

    #: The order in which they were judged.
    seq: int | None = Field(default=None, sa_column=Column(SEQUENCE, primary_key=True, autoincrement=True))
    #: Whom it came from and whom it was for, folded.
    country_code: str
    party_id: str
    emsp_country_code: str
    emsp_party_id: str
    #: Folded; empty where it has none.
    cdr_id: str
    #: SHA-256 of what it says, however that was laid out: the same again is the same.
    digest: str
    at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    correlation_id: str
    #: A CdrState: passed, held, releasing, released, dropped or refused.
    state: str
    #: The gravest; empty where there is no finding.
    severity: str = ""
    #: The verdict, as JSON.
    verdict: str = Field(sa_column=Column(Text, nullable=False))
    #: The CDR as it came, as long as the hub holds it.
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    #: Why it was dropped, or what its eMSP said when it was released.
    reason: str = ""
    #: What others are compared with: EVSE, token, when and where a vehicle was there, what was taken back.
    evse: str | None = None
    token: str | None = None
    starts_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    ends_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    latitude: str | None = None
    longitude: str | None = None
    credit_of: str | None = None


class ChangeRow(SQLModel, table=True):
    """One change that the hub accepted on behalf of others: the change log, in order (design D3)."""

    __tablename__ = "change"
    __table_args__ = NEVER_REUSED

    seq: int | None = Field(default=None, sa_column=Column(SEQUENCE, primary_key=True, autoincrement=True))
    module: str
    country_code: str
    party_id: str
    object_id: str
    variant: str = ""
    #: PUT, PATCH or DELETE, as it came.
    method: str
    #: The path below the module's URL, as it came.
    tail: str
    query: str = ""
    #: What changed, as it came. Empty where the whole object was replaced or deleted: its row says that.
    body: str = Field(sa_column=Column(Text, nullable=False))
    #: The role in which the owner sent it; it goes to the opposite roles, never back.
    sender_role: str
    sender_platform_id: int | None = None
    correlation_id: str
    accepted_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class CursorRow(SQLModel, table=True):
    """How far a receiver has come in the change log. Without a party it is the platform's, for ClientInfo."""

    __tablename__ = "cursor"

    platform_id: int = Field(primary_key=True)
    role: str = Field(default="", primary_key=True)
    country_code: str = Field(default="", primary_key=True)
    party_id: str = Field(default="", primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class ProcessRow(SQLModel, table=True):
    """A process of the hub, while it lives; with SQLite there is one, which does not stand here."""

    __tablename__ = "process"

    name: str = Field(primary_key=True)
    #: Machine and number of the process, for people.
    place: str
    #: By the database's clock.
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class LeaseRow(SQLModel, table=True):
    """Which process looks after a platform; its row stays when nobody does, for the sake of its number."""

    __tablename__ = "lease"

    #: 0 is the hub itself.
    platform_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    #: The name of a process; empty where it was given back.
    holder: str
    #: Grows with each new holder.
    fence: int = Field(sa_column=Column(BigInteger, nullable=False))
    #: By the database's clock.
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    #: How it goes, in JSON, as its holder said last.
    report: str = Field(default="", sa_column=Column(Text, nullable=False))


class PulledListRow(SQLModel, table=True):
    """How far the hub has come with pulling a list: of one module, from one party of a platform."""

    __tablename__ = "pulled_list"

    platform_id: int = Field(foreign_key="platform.id", primary_key=True, ondelete="CASCADE")
    module: str = Field(primary_key=True)
    country_code: str = Field(primary_key=True)
    party_id: str = Field(primary_key=True)
    #: Where the list was; at another URL it is read anew.
    url: str
    #: When the last full pull that ended well was begun, and the last one by date.
    full_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    partial_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: When the last pull ended, well or not.
    ended_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: Why it did not end well; empty if it did.
    error: str = ""
    #: Since when full lists have had so little that nothing was made invalid.
    doubted_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: Of the last pull: objects that were new or changed, that were not, that were left out, and
    #: that are not valid any more.
    stored: int = 0
    unchanged: int = 0
    broken: int = 0
    invalid: int = 0
    #: The first of those that were left out, each with its reason; JSON.
    left_out: str = Field(default="[]", sa_column=Column(Text, nullable=False))
    correlation_id: str = ""


class ResyncRow(SQLModel, table=True):
    """All objects of an owner in a module, of which a receiver is to be told anew; gone when that is done."""

    __tablename__ = "resync"
    __table_args__ = (
        UniqueConstraint(
            "platform_id",
            "role",
            "country_code",
            "party_id",
            "module",
            "owner_country_code",
            "owner_party_id",
        ),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(SEQUENCE, primary_key=True, autoincrement=True))
    #: The receiver, as in `cursor`.
    platform_id: int
    role: str
    country_code: str
    party_id: str
    module: str
    owner_country_code: str
    owner_party_id: str
    #: The last object, by the order of creation, of which the receiver was told.
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    correlation_id: str


class DeadLetterRow(SQLModel, table=True):
    """The last delivery of an object that a receiver refused; an operator can see it and send it again."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        UniqueConstraint(
            "platform_id",
            "role",
            "country_code",
            "party_id",
            "module",
            "object_country_code",
            "object_party_id",
            "object_id",
            "variant",
        ),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(SEQUENCE, primary_key=True, autoincrement=True))
    platform_id: int
    role: str
    country_code: str
    party_id: str
    module: str
    object_country_code: str
    object_party_id: str
    object_id: str
    variant: str = ""
    method: str
    tail: str
    query: str = ""
    body: str = Field(sa_column=Column(Text, nullable=False))
    correlation_id: str
    http_status: int | None = None
    status_code: int | None = None
    reason: str
    refused_at: int = Field(sa_column=Column(BigInteger, nullable=False))


class LearntAddresseeRow(SQLModel, table=True):
    """To whom an id leads, learnt from a request that was accepted (RT-49)."""

    __tablename__ = "learnt_addressee"

    #: reservation or charging profile.
    clue: str = Field(primary_key=True)
    #: Whose id it is, folded: the eMSP of a reservation, the CPO of a session.
    country_code: str = Field(primary_key=True)
    party_id: str = Field(primary_key=True)
    object_id: str = Field(primary_key=True)
    addressee_country_code: str = Field(primary_key=True)
    addressee_party_id: str = Field(primary_key=True)
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))


class JournalRow(SQLModel, table=True):
    """One leg of an exchange: what the hub received or sent, and how it ended."""

    __tablename__ = "journal"
    __table_args__ = (
        # SQLite has one of our own: dialects/journal_index.py.
        Index("journal_by_exchange", "correlation_id", info={ONLY_ON: "postgresql"}),
        NEVER_REUSED,
    )

    id: int | None = Field(default=None, sa_column=Column(SEQUENCE, primary_key=True, autoincrement=True))
    at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    correlation_id: str
    request_id: str
    #: `in`: the platform called us; `out`: we called it.
    direction: str
    #: relay, delivery, handshake, probe, pull, hub (answered by the hub itself).
    purpose: str
    platform_id: int | None = None
    platform: str | None = None
    method: str
    url: str
    module: str | None = None
    to_party: str | None = None
    from_party: str | None = None
    #: None where no answer came.
    http_status: int | None = None
    status_code: int | None = None
    milliseconds: int
    #: What went wrong or was found, empty if nothing.
    note: str = ""
    request_body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    reply_body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    #: They are those of the next leg in with the same `at` and correlation id, and stored there alone.
    bodies_elsewhere: bool = False


class LinkRow(SQLModel, table=True):
    """A URL of the hub that stands for a partner's URL (design D9)."""

    __tablename__ = "link"
    __table_args__ = (Index("link_by_due", "due_at", sqlite_where=IS_AWAITED, postgresql_where=IS_AWAITED),)

    #: Unguessable; the last segment of the hub's URL.
    token: str = Field(primary_key=True)
    #: The platform that may use it.
    platform_id: int
    #: The platform that it leads to.
    target_platform_id: int
    #: response_url, next_page or cdr_location.
    kind: str
    module: str
    interface: str
    #: The routing of the request that is made when the link is used.
    to_country_code: str
    to_party_id: str
    from_country_code: str
    from_party_id: str
    url: str
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    #: The correlation id of the request with the response_url.
    correlation_id: str = ""
    #: What the hub itself sends to a response_url where no result comes in time.
    no_result: str = Field(default="", sa_column=Column(Text, nullable=False))
    #: Until when the result is awaited; None where it is not, or not any more.
    due_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: When the hub said that there is no result, as long as none has come since.
    timed_out_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    #: When a result has come.
    answered_at: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
