"""The Directory: whose token is this, and who is in force."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.directory.current import CurrentDirectory
from hub.directory.directory import Directory, InboundToken, Platform
from hub.directory.tokens import KEY_BYTES, Sealer, TokenPurpose, token_hash
from hub.ocpi.headers import TokenEncoding, read_authorization
from hub.ocpi.party import Party
from hub.registry.platforms import NameTaken
from hub.store.tables import PlatformRow
from schemas.v2_2_1 import ConnectionStatus
from tests.fixtures.registry_hub import HUB_PARTY, RegistryHub, registry_hub
from tests.fixtures.waiting import soon

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CREDENTIALS = TokenPurpose.CREDENTIALS


def directory(**tokens: InboundToken) -> Directory:
    """Two platforms, and who shows which token."""
    platforms = [Platform(1, "one", ConnectionStatus.CONNECTED), Platform(2, "two", ConnectionStatus.OFFLINE)]
    return Directory.of(
        Party("NL", "HUB"), platforms, {token_hash(token): whose for token, whose in tokens.items()}
    )


def shown(text: str) -> dict[str, str]:
    return {"Authorization": f"Token {text}"}


def encoded(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("secret", TokenEncoding.RAW), (encoded("secret"), TokenEncoding.BASE64)],
)
def test_a_token_is_known_plain_or_in_base64(header: str, encoding: TokenEncoding) -> None:
    """AM-02."""
    caller = directory(secret=InboundToken(1, CREDENTIALS)).caller(read_authorization(shown(header)), NOW)
    assert caller is not None
    assert (caller.platform.name, caller.token, caller.encoding) == ("one", "secret", encoding)
    assert caller.is_registered


def test_a_token_that_is_base64_of_another_is_itself() -> None:
    """AM-02: a raw token can be valid Base64, even of somebody else's token."""
    tokens = {encoded("secret").rstrip("="): InboundToken(2, CREDENTIALS)}
    known = directory(secret=InboundToken(1, CREDENTIALS), **tokens)
    caller = known.caller(read_authorization(shown(next(iter(tokens)))), NOW)
    assert caller is not None
    assert caller.platform.name == "two"


def test_a_token_of_nobody_names_nobody() -> None:
    known = directory(secret=InboundToken(1, CREDENTIALS))
    assert known.caller(read_authorization(shown("guess")), NOW) is None


def test_an_old_token_decides_a_rotation_only_after_the_grace_time() -> None:
    """AM-15: until then it works, and the new one may still be on its way."""
    known = directory(old=InboundToken(1, CREDENTIALS, NOW), new=InboundToken(1, CREDENTIALS))
    for now, ends in ((NOW - timedelta(microseconds=1), False), (NOW, True)):
        caller = known.caller([("old", TokenEncoding.RAW)], now)
        assert caller is not None
        assert caller.ends_rotation is ends


def test_a_token_of_a_handshake_under_way_decides_no_rotation() -> None:
    """AM-15: the platform has it only when the handshake is done."""
    known = directory(old=InboundToken(1, CREDENTIALS, NOW), new=InboundToken(1, TokenPurpose.PENDING))
    caller = known.caller([("new", TokenEncoding.RAW)], NOW)
    assert caller is not None
    assert not caller.ends_rotation


def test_only_the_new_token_of_a_rotation_ends_it() -> None:
    """AM-15: not the old one, and nobody else's."""
    known = directory(
        old=InboundToken(1, CREDENTIALS, NOW + timedelta(minutes=5)),
        new=InboundToken(1, CREDENTIALS),
        other=InboundToken(2, CREDENTIALS),
    )
    ends = {
        token: caller.ends_rotation
        for token in ("old", "new", "other")
        if (caller := known.caller([(token, TokenEncoding.RAW)], NOW)) is not None
    }
    assert ends == {"old": False, "new": True, "other": False}


@pytest.mark.parametrize("purpose", [TokenPurpose.REGISTRATION, TokenPurpose.PENDING])
def test_a_token_that_is_for_a_handshake_opens_nothing_else(purpose: TokenPurpose) -> None:
    """TR-04, CR-27."""
    caller = directory(a=InboundToken(1, purpose)).caller([("a", TokenEncoding.RAW)], NOW)
    assert caller is not None
    assert not caller.is_registered


def test_a_token_is_not_shown_when_a_caller_or_a_platform_is_printed() -> None:
    """Design D10."""
    platform = Platform(1, "one", ConnectionStatus.CONNECTED, outbound_token="outbound-secret")
    known = Directory.of(HUB_PARTY, [platform], {token_hash("inbound-secret"): InboundToken(1, CREDENTIALS)})
    caller = known.caller([("inbound-secret", TokenEncoding.RAW)], NOW)
    assert "secret" not in repr(caller)
    assert "secret" not in repr(known)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


async def test_what_is_in_force_after_many_changes_at_once_is_what_was_stored(hub: RegistryHub) -> None:
    names = [f"platform {number}" for number in range(20)]
    await asyncio.gather(*(hub.platforms.invite(name) for name in names))
    assert {each.name for each in hub.directory.value.platforms.values()} == set(names)
    fresh = CurrentDirectory(hub.database, Sealer(bytes(KEY_BYTES)), HUB_PARTY)
    assert (await fresh.reload()).platforms == hub.directory.value.platforms


class SlowReading:
    """Holds the first reading of the tables, with what it has read, until it is let go."""

    def __init__(self, directory: CurrentDirectory) -> None:
        self._loaded = directory._loaded
        self.has_read = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def __call__(self, session: AsyncSession) -> Directory:
        found = await self._loaded(session)
        if not self.has_read.is_set():
            self.has_read.set()
            await self.may_go_on.wait()
        return found


async def test_what_was_read_first_does_not_replace_what_was_read_last(
    hub: RegistryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowReading(hub.directory)
    monkeypatch.setattr(hub.directory, "_loaded", slow)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hub.directory.reload())
        await slow.has_read.wait()
        tasks.create_task(hub.platforms.invite("TNM"))
        await soon(hub.rows, lambda rows: rows["platform"])
        slow.may_go_on.set()
    assert hub.directory.value.named("TNM") is not None


async def test_a_change_that_is_committed_comes_into_force_though_its_caller_goes_away(
    hub: RegistryHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that died in the tables must not live on in memory."""
    slow = SlowReading(hub.directory)
    monkeypatch.setattr(hub.directory, "_loaded", slow)
    async with asyncio.TaskGroup() as tasks:
        invitation = tasks.create_task(hub.platforms.invite("TNM"))
        await slow.has_read.wait()
        invitation.cancel()
    assert hub.directory.value.named("TNM") is not None


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 10, 20, 50, 100, 200, 400])
async def test_a_change_that_is_interrupted_is_either_done_or_not(hub: RegistryHub, turns: int) -> None:
    """Whenever the caller goes away, tables and Directory are of one mind."""
    async with asyncio.TaskGroup() as tasks:
        invitation = tasks.create_task(hub.platforms.invite("TNM"))
        for _ in range(turns):
            await asyncio.sleep(0)
        invitation.cancel()
    stored = [row["name"] for row in (await hub.rows())["platform"]]
    assert [each.name for each in hub.directory.value.platforms.values()] == stored
    await hub.platforms.invite("somebody else")


class Sudden(Exception):
    """Something that nobody expects."""


async def fail_in_the_middle(hub: RegistryHub) -> None:
    async with hub.records.changing() as session:
        session.add(PlatformRow(name="x", status=ConnectionStatus.PLANNED, created_at=NOW))
        await session.flush()
        raise Sudden


async def test_a_change_that_fails_is_not_there(hub: RegistryHub) -> None:
    with pytest.raises(Sudden):
        await fail_in_the_middle(hub)
    assert (await hub.rows())["platform"] == []
    assert not hub.directory.value.platforms


async def test_who_is_as_before_stays_the_same_value(hub: RegistryHub) -> None:
    for name in ("TNM", "ABC"):
        await hub.platforms.invite(name)
    before = hub.directory.value
    async with hub.database.session() as session:
        row = await session.get(PlatformRow, named(before, "TNM").id)
        assert row is not None
        row.rate_limit = 7
    after = await hub.directory.reload()
    assert named(after, "ABC") is named(before, "ABC")
    assert named(after, "TNM").rate_limit == 7


def named(directory: Directory, name: str) -> Platform:
    found = directory.named(name)
    assert found is not None
    return found


async def test_whoever_has_read_what_was_committed_can_wait_until_it_is_in_force(tmp_path: Path) -> None:
    """A partner that is told of another one may ask for it at once."""
    async with registry_hub(tmp_path) as hub:
        invited = text("SELECT count(*) FROM platform")

        async def seen(count: int) -> bool:
            async with hub.database.reading() as connection:
                return int((await connection.execute(invited)).scalar_one()) == count

        for count in range(1, 21):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(hub.platforms.invite(f"platform {count}"))
                while not await seen(count):  # noqa: ASYNC110 the moment after the commit is looked for
                    await asyncio.sleep(0)
                await hub.directory.in_force()
                assert hub.directory.value.named(f"platform {count}") is not None
        async with asyncio.timeout(1):
            with pytest.raises(NameTaken):
                await hub.platforms.invite("platform 1")
            await hub.directory.in_force()
