"""2.2.1, Credentials: the handshake at the hub, in both directions (CR rows), as partners see it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.recorder import Recorder
from tests.fixtures.registry_hub import RegistryHub, registry_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def partner() -> AsyncIterator[Recorder]:
    async with Recorder(roles=[("CPO", "NL", "TNM")]) as partner:
        yield partner


async def test_a_partner_registers_and_gets_a_fresh_token(hub: RegistryHub, partner: Recorder) -> None:
    """CR-03 to CR-06."""
    token_a = (await hub.platforms.invite("TNM")).token
    answer = await partner.register(hub.versions_url, token_a)
    assert (answer.status, answer.code) == (200, 1000), answer.body
    (token_b,) = partner.accepted_tokens
    assert answer.data["token"] not in {token_a, token_b}
    # It was called back while it waited, with its own token.
    assert [(each.method, each.path, each.token) for each in partner.received] == [
        ("GET", "/partner/versions", token_b),
        ("GET", "/partner/2.2.1", token_b),
    ]
    assert (await partner.call("GET", hub.versions_url)).status == 200
    assert (await partner.call("GET", hub.versions_url, token=token_a)).status == 401
