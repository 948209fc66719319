"""The states of a platform, and what moves it from one to another (HCI-15): any story, beside a model."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from schemas.v2_2_1 import ConnectionStatus
from tests.fixtures.recorder import Fault, Recorder
from tests.fixtures.registry_hub import RegistryHub, registry_hub
from tests.fixtures.watching import SILENCE, VERSIONS, watching

CONNECTED, OFFLINE, PLANNED, SUSPENDED = (
    ConnectionStatus.CONNECTED,
    ConnectionStatus.OFFLINE,
    ConnectionStatus.PLANNED,
    ConnectionStatus.SUSPENDED,
)
EVENTS = (
    "registers",
    "updates",
    "leaves",
    "is invited again",
    "is suspended",
    "is resumed",
    "falls silent",
    "answers again",
    "nothing",
)


@dataclass(slots=True)
class Model:
    """What HubClientInfo and decision 0018 say of a platform, in as few words as they need."""

    status: ConnectionStatus = PLANNED
    is_registered: bool = False
    is_invited: bool = True
    is_blocked: bool = False
    answers: bool = True
    #: Its parties are known, and told of, from its first registration on.
    is_known: bool = False
    #: How often the others were told of it.
    told: int = 0

    def happens(self, what: str) -> None:
        """Something happens."""
        match what:
            case "registers" if self.is_invited and self.answers:
                self.is_registered, self.is_invited = True, False
                self.becomes(self.settled())
            case "updates" if self.is_registered and self.answers:
                self.becomes(self.settled())
            case "leaves" if self.is_registered:
                self.is_registered = False
                self.becomes(SUSPENDED)
            case "is invited again":
                self.is_registered, self.is_invited = False, True
                self.becomes(self.settled())
            case "is suspended":
                self.is_blocked = True
                self.becomes(SUSPENDED)
            case "is resumed":
                self.is_blocked = False
                self.becomes(self.settled())
            case "falls silent":
                self.answers = False
            case "answers again":
                self.answers = True

    def is_asked(self) -> None:
        """After five minutes of silence the hub asks whether it is alive; people's decisions stand."""
        if self.status in {CONNECTED, OFFLINE}:
            self.becomes(CONNECTED if self.answers else OFFLINE)

    def settled(self) -> ConnectionStatus:
        """The state that people and handshakes give it."""
        if self.is_blocked:
            return SUSPENDED
        if self.is_registered:
            return CONNECTED
        return PLANNED if self.is_invited else SUSPENDED

    def becomes(self, status: ConnectionStatus) -> None:
        """It is in that state; the others hear of it when that is news."""
        is_new = self.is_registered and not self.is_known
        self.is_known = self.is_known or self.is_registered
        self.told += self.is_known and (is_new or status is not self.status)
        self.status = status


async def lets_happen(hub: RegistryHub, partner: Recorder, what: str, before: Model, token_a: str) -> str:
    """Let it happen at a real hub; the token A that is valid then."""
    match what:
        case "registers" if before.is_invited:
            await partner.register(hub.versions_url, token_a)
        case "updates" if before.is_registered:
            await partner.update()
        case "leaves" if before.is_registered:
            await partner.call("DELETE", hub.credentials_url)
        case "is invited again":
            token_a = (await hub.platforms.invite_again("TNM")).token
        case "is suspended":
            await hub.platforms.suspend("TNM")
        case "is resumed":
            await hub.platforms.resume("TNM")
        case "falls silent":
            partner.answers("GET", VERSIONS, Fault.CLOSE)
        case "answers again":
            partner.is_honest_again()
    return token_a


async def follow(folder: Path, story: list[str]) -> Model:
    """The model at the end of a story, in which hub and model agreed at every step."""
    model = Model()
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(registry_hub(folder))
        partner = await stack.enter_async_context(Recorder(roles=[("CPO", "NL", "TNM")]))
        token_a = (await hub.platforms.invite("TNM")).token
        watched = await stack.enter_async_context(watching(hub, partner))
        for place, what in enumerate(story):
            said = f"{story[: place + 1]}"
            told = model.told
            token_a = await lets_happen(hub, partner, what, model, token_a)
            model.happens(what)
            assert watched.status is model.status, said
            await watched.passes(SILENCE)
            model.is_asked()
            assert watched.status is model.status, said
            assert hub.named("TNM").is_connected is (model.status is CONNECTED), said
            announced = await hub.announced()
            assert announced == [f"NL/TNM CPO {model.status}"] * (model.told - told), said
    return model


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.holds("HCI-03", "HCI-04", "HCI-15", by="hub")
@settings(max_examples=12, deadline=None)
@example(story=["registers", "falls silent", "answers again", "leaves", "is invited again", "registers"])
@example(story=["registers", "is suspended", "falls silent", "is resumed", "answers again", "updates"])
@example(story=["is suspended", "registers", "is resumed", "is invited again", "is suspended", "leaves"])
@given(story=st.lists(st.sampled_from(EVENTS), max_size=8))
def test_any_story_of_a_platform_goes_as_the_rules_say(
    runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory, story: list[str]
) -> None:
    model = runner.run(follow(tmp_path_factory.mktemp("hub"), story))
    event(f"ends {model.status}")
