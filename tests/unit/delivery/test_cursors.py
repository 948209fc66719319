"""How far each receiver has come: kept over a restart, and never moved back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.delivery.audience import Receiver
from hub.delivery.cursors import Cursors
from hub.ocpi.party import Party, PartyRole
from hub.store.database import Database, opened
from hub.store.leases import Leases
from schemas.v2_2_1 import Role
from tests.fixtures.databases import database_in

AS_SUCH = Receiver(1)
EMSP = Receiver(1, PartyRole(Party("nl", "tnm"), Role.EMSP))
CPO = Receiver(1, PartyRole(Party("NL", "TNM"), Role.CPO))


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with opened(database_in(path.parent, path.name)) as database:
        await _log_up_to(database, 5)
        yield database


async def _log_up_to(database: Database, seq: int) -> None:
    async with database.writing() as connection:
        await connection.execute(
            text("INSERT INTO change VALUES (:seq, '', '', '', '', '', '', '', '', '', '', 1, '', 0)"),
            {"seq": seq},
        )


async def reopened(database: Database) -> Cursors:
    cursors = Cursors(database, Leases.alone(database))
    await cursors.open()
    return cursors


async def test_new_receivers_begin_at_the_end_and_stay_there_over_a_restart(database: Database) -> None:
    cursors = await reopened(database)
    await cursors.adopt({AS_SUCH, EMSP})
    await _log_up_to(database, 9)
    again = await reopened(database)
    await again.adopt({AS_SUCH, EMSP, CPO})
    assert [again.position(each) for each in (AS_SUCH, EMSP, CPO)] == [5, 5, 9]


async def test_a_party_spelled_otherwise_is_the_same_receiver(database: Database) -> None:
    cursors = await reopened(database)
    await cursors.adopt({EMSP})
    await _log_up_to(database, 9)
    await cursors.adopt({Receiver(1, PartyRole(Party("NL", "TNM"), Role.EMSP))})
    assert cursors.position(EMSP) == 5


async def test_moves_are_written_in_one_go_and_never_back(database: Database) -> None:
    cursors = await reopened(database)
    await cursors.adopt({EMSP, CPO})
    for seq in (7, 6, 8):
        cursors.move(EMSP, seq)
    cursors.move(CPO, 2)
    assert (await reopened(database)).position(EMSP) == 5
    await cursors.flush()
    again = await reopened(database)
    assert (again.position(EMSP), again.position(CPO)) == (8, 5)


async def test_who_is_gone_is_forgotten_and_begins_anew(database: Database) -> None:
    cursors = await reopened(database)
    await cursors.adopt({EMSP, CPO})
    cursors.move(EMSP, 7)
    await cursors.adopt({CPO})
    cursors.move(EMSP, 8)
    await cursors.flush()
    assert cursors.position(EMSP) is None
    assert (await reopened(database)).position(EMSP) is None
    await cursors.adopt({CPO, EMSP})
    assert cursors.position(EMSP) == 5


async def test_what_could_not_be_written_is_written_later(database: Database) -> None:
    cursors = await reopened(database)
    await cursors.adopt({EMSP})
    cursors.move(EMSP, 7)
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE cursor RENAME TO gone"))
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        await cursors.flush()
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE gone RENAME TO cursor"))
    await cursors.flush()
    assert (await reopened(database)).position(EMSP) == 7
