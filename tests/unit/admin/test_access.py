"""The administration API, before it answers: the key, and requests that it cannot understand."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from hub.admin.key import KEY_FILE, KEY_VARIABLE, UnusableAdminKey, admin_key, shows_key
from tests.fixtures.admin_hub import AdminHub, admin_hub


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminHub]:
    async with admin_hub(tmp_path) as admin:
        yield admin


PATHS = [
    ("GET", "/admin/v1/hub"),
    ("GET", "/admin/v1/platforms"),
    ("POST", "/admin/v1/platforms"),
    ("DELETE", "/admin/v1/platforms/acme"),
    ("GET", "/admin/v1/journal"),
    ("GET", "/admin/v1/trace"),
    ("GET", "/admin/v1/no/such/path"),
]


def test_the_key_is_made_on_first_start_for_its_owner_only(tmp_path: Path) -> None:
    key = admin_key(tmp_path, {})
    assert len(key) >= 43
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert admin_key(tmp_path, {}) == key


def test_the_environment_may_hold_the_key_instead(tmp_path: Path) -> None:
    assert admin_key(tmp_path, {KEY_VARIABLE: " chosen-by-an-operator\n"}) == "chosen-by-an-operator"
    assert not (tmp_path / KEY_FILE).exists()


@pytest.mark.parametrize("key", ["", "short", "ä" * 20])
def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(UnusableAdminKey, match="at least 16 ASCII"):
        admin_key(tmp_path, {KEY_VARIABLE: key})


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer the-right-key-of-all", True),
        ("bearer  the-right-key-of-all ", True),
        ("Bearer the-wrong-key-of-all", False),
        ("Bearer the-right-key-of-al", False),
        ("Token the-right-key-of-all", False),
        ("the-right-key-of-all", False),
        ("Bearer ключ", False),
        ("Bearer", False),
        ("", False),
        (None, False),
    ],
)
def test_only_bearer_with_the_key_opens(authorization: str | None, expected: bool) -> None:  # noqa: FBT001 a case
    assert shows_key(authorization, "the-right-key-of-all") is expected


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_nothing_is_answered_without_the_key(admin: AdminHub, method: str, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.request(method, admin.url + path) as response:
        problem = await response.json(content_type="application/problem+json")
        assert response.status == problem["status"] == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert "no key was shown" in problem["detail"]
        assert "status_code" not in problem


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_a_wrong_key_is_refused(admin: AdminHub, method: str, path: str) -> None:
    answer = await admin.ask(method, path, key="not-the-key-of-this-hub")
    assert answer.status == 401
    assert "not the right one" in answer.content["detail"]
    assert admin.key not in str(answer)


async def test_an_unknown_path_is_a_problem_that_names_it(admin: AdminHub) -> None:
    answer = await admin.ask("GET", "/admin/v1/platform")
    assert answer.status == 404
    assert answer.content["detail"] == "no such path: /admin/v1/platform"


async def test_a_method_that_a_path_does_not_have_is_named_with_those_it_has(admin: AdminHub) -> None:
    answer = await admin.ask("PATCH", "/admin/v1/platforms")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.content["detail"] == "/admin/v1/platforms has GET, POST, not PATCH"


async def test_the_hub_says_who_it_is_and_how_it_is_doing(admin: AdminHub) -> None:
    await admin.hub.platforms.invite("acme")
    answer = await admin.ask("GET", "/admin/v1/hub")
    assert answer.status == 200
    assert {name: answer.content[name] for name in ("name", "party", "versions_url", "platforms")} == {
        "name": "the hub",
        "party": "NL/HUB",
        "versions_url": admin.hub.versions_url,
        "platforms": {"PLANNED": 1},
    }
    assert answer.content["started_at"] == "2026-01-02T03:04:05Z"
    assert answer.content["journal_dropped"] == 0
