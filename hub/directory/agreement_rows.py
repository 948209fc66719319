"""Agreements as they stand in the tables."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.agreements import ANYBODY, BEGINNING, Agreement, Agreements, CdrTreatment
from hub.ocpi.party import Party
from hub.settings import PolicyMode
from hub.store.tables import AgreementRow, PolicyRow

_SEPARATOR = ","


async def read_agreements(session: AsyncSession) -> Agreements:
    """All agreements, by the mode in which partners were last told of them; open before there was any."""
    rows = await session.exec(select(AgreementRow).order_by(col(AgreementRow.id)))
    agreed = [agreement(row) for row in rows]
    told = await session.get(PolicyRow, 1)
    if told is None:
        return Agreements.of(PolicyMode.OPEN, BEGINNING, agreed)
    return Agreements.of(PolicyMode(told.mode), told.mode_since, agreed, told.settled_at)


def agreement(row: AgreementRow) -> Agreement:
    """The agreement in a row that was written or read."""
    if row.id is None:
        raise ValueError("an agreement has a number when its row is stored")
    return Agreement(
        id=row.id,
        parties=(_party(row.first_party), _party(row.second_party)),
        modules=frozenset(each for each in row.modules.split(_SEPARATOR) if each),
        begins_at=row.begins_at,
        until=row.until,
        signed_at=row.signed_at,
        ended_at=row.ended_at,
        cdrs=CdrTreatment(row.cdrs),
    )


def agreement_row(signed: Agreement) -> AgreementRow:
    """A row for an agreement that is signed now; it gets a number when it is stored."""
    first, second = (ANYBODY if party is None else str(party) for party in signed.parties)
    return AgreementRow(
        first_party=first,
        second_party=second,
        modules=_SEPARATOR.join(sorted(signed.modules)),
        begins_at=signed.begins_at,
        until=signed.until,
        signed_at=signed.signed_at,
        cdrs=signed.cdrs,
    )


def _party(text: str) -> Party | None:
    return None if text == ANYBODY else Party.parse(text)
