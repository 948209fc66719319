"""Rows of the hot tables as they are written, many at a time: the fields are the columns, in their order."""

from typing import NamedTuple


class LogRow(NamedTuple):
    """A row of the change log; its number is given when it is written."""

    module: str
    country_code: str
    party_id: str
    object_id: str
    variant: str
    method: str
    tail: str
    query: str
    body: str
    sender_role: str
    sender_platform_id: int | None
    correlation_id: str
    #: Microseconds since 1970.
    accepted_at: int


class KeptRow(NamedTuple):
    """An object's row, but for its number in the log, which `place` stands for."""

    module: str
    country_code: str
    party_id: str
    object_id: str
    variant: str
    platform_id: int | None
    #: Microseconds since 1970.
    last_updated: int
    is_deleted: bool
    #: Of its newest change among the rows of the log that are written with it, from 1 on; None without one.
    place: int | None
    addressee_country_code: str | None
    addressee_party_id: str | None
    kept_at: int | None
    body: str


#: The columns of the unique index over objects, in its order.
KEY_COLUMNS = "module, object_id, country_code, party_id, variant"
LOG_COLUMNS = ", ".join(LogRow._fields)
#: With the number of the change where the place stands in the row.
OBJECT_COLUMNS = ", ".join(KeptRow._fields).replace("place", "change_seq")
#: What becomes of an object's row that is there already.
OR_REPLACED = (
    f"ON CONFLICT ({KEY_COLUMNS}) DO UPDATE SET platform_id = excluded.platform_id,"
    " last_updated = excluded.last_updated, is_deleted = excluded.is_deleted,"
    " change_seq = coalesce(excluded.change_seq, object.change_seq),"
    " addressee_country_code = excluded.addressee_country_code,"
    " addressee_party_id = excluded.addressee_party_id, kept_at = excluded.kept_at, body = excluded.body"
)
