"""A charger is told another password over OCPP; whatever comes of it, it is not locked out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from hub.ocpi.timestamps import utc_now
from partners.charger.charge_point import ChargerSimulator
from partners.charger.firmware import Behaviour, Manner
from partners.charger.settings import ChargerSettings
from partners.charger.simulated_time import SimulatedTime
from partners.cli import app
from partners.cpo.app import CpoNode
from partners.cpo.security.security_settings import BASIC, SecuritySettings
from partners.cpo.stations.central_system import CentralSystemSettings
from partners.ocpp.versions import Version
from schemas import exact_json
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.waiting import soon
from tests.unit.partners.cpo.test_who_may_connect import basic, refused
from tests.unit.partners.ocpp_world import patiently

OLD, NEW = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", "0f1e2d3c4b5a69788796a5b4c3d2e1f0aabbccdd"
HASTY = CentralSystemSettings(answer_within=timedelta(milliseconds=150))
SPEED = 600

each_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@asynccontextmanager
async def cpo() -> AsyncIterator[CpoNode]:
    settings = cpo_settings(security=SecuritySettings(least=BASIC), central_system=HASTY)
    async with CpoNode(settings) as node:
        node.doorkeeper.book.set_password("CP1", OLD)
        yield node


@asynccontextmanager
async def charger(node: CpoNode, version: str) -> AsyncIterator[ChargerSimulator]:
    settings = ChargerSettings(version=version, password=OLD, reconnect_after=timedelta(milliseconds=10))
    url, time = f"{node.ocpp_url}/CP1", SimulatedTime(utc_now, SPEED)
    async with ChargerSimulator(url, settings, time=time) as one:
        await patiently(one.until_connected())
        yield one


async def tell(node: CpoNode, password: str = NEW) -> Any:
    """`set-password --tell`, as an operator gives it."""
    options = ["--password", password, "--tell", "--node", node.admin_url, "--key", node.admin_key, "--json"]
    command = ["cpo", "charger", "set-password", "CP1", *options]
    return await asyncio.to_thread(CliRunner().invoke, app, command)


def action(version: str) -> str:
    return "ChangeConfiguration" if version == "1.6" else "SetVariables"


def right(node: CpoNode) -> int:
    """How many passwords are right."""
    account = node.doorkeeper.book.find("CP1")
    return 0 if account is None else len(account.right)


async def may_connect(node: CpoNode, password: str | bytes) -> bool:
    """Whether somebody who shows it is let in."""
    async with aiohttp.ClientSession() as session:
        try:
            link = await session.ws_connect(
                f"{node.ocpp_url}/CP1", protocols=("ocpp1.6",), headers=basic("CP1", password)
            )
        except aiohttp.WSServerHandshakeError:
            return False
        await link.close()
        return True


@each_version
async def test_it_comes_back_with_the_new_one_and_the_old_one_is_worth_nothing(version: str) -> None:
    async with cpo() as node, charger(node, version) as one:
        told = await tell(node)
        assert told.exit_code == 0, told.output
        answer = exact_json.decode(told.stdout)
        assert (answer["password"], answer["charger"]) == (NEW, "has taken it")
        # 1.6 is told the key in hexadecimal and shows its bytes, 2.x shows what it was told.
        assert one.configuration.password == (bytes.fromhex(NEW) if version == "1.6" else NEW.encode())
        await patiently(one.reconnect())
        await patiently(one.until_connected())
        assert not await may_connect(node, OLD)
        assert await may_connect(node, NEW)


@each_version
async def test_one_that_does_not_want_to_keeps_the_old_one(version: str) -> None:
    async with cpo() as node, charger(node, version) as one:
        one.firmware.behave(Behaviour(Manner.REJECT), action(version))
        told = await tell(node)
        assert told.exit_code == 1
        assert "CP1 did not take the password: Rejected" in told.output
        assert not await may_connect(node, NEW)
        await patiently(one.reconnect())
        await patiently(one.until_connected())


@each_version
async def test_of_one_that_does_not_answer_both_are_right_until_it_shows_one(version: str) -> None:
    async with cpo() as node, charger(node, version) as one:
        # Simulated: it takes it after the CPO has given up.
        one.firmware.behave(Behaviour(delay=timedelta(seconds=0.3 * SPEED)), action(version))
        told = await tell(node)
        assert told.exit_code == 0, told.output
        assert "has not answered" in exact_json.decode(told.stdout)["charger"]
        assert right(node) == 2

        async def has_shown_it() -> bool:
            return right(node) == 1

        await soon(has_shown_it)
        await patiently(one.until_connected())
        assert not await may_connect(node, OLD)


async def test_one_that_must_boot_first_shows_the_old_one_until_then() -> None:
    async with cpo() as node, aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(
            f"{node.ocpp_url}/CP1", protocols=("ocpp1.6",), headers=basic("CP1", OLD)
        )
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(tell(node))
            _, number, name, payload = exact_json.decode(await websocket.receive_str(timeout=5))
            assert (name, payload) == ("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW})
            await websocket.send_str(exact_json.encode([3, number, {"status": "RebootRequired"}]).decode())
        assert telling.result().exit_code == 0, telling.result().output
        assert "takes it when it boots" in telling.result().output
        assert await may_connect(node, OLD)
        assert await may_connect(node, bytes.fromhex(NEW))
        assert not await may_connect(node, OLD)


async def test_what_a_charger_may_have_is_known_after_a_restart(tmp_path: Any) -> None:
    settings = cpo_settings(tmp_path, security=SecuritySettings(least=BASIC))
    async with CpoNode(settings) as node:
        node.doorkeeper.book.set_password("CP1", OLD)
        node.doorkeeper.book.offer_password("CP1", NEW)
    async with CpoNode(settings) as node:
        assert await may_connect(node, OLD)
        assert await may_connect(node, NEW)
        assert await refused(node, headers=basic("CP1", OLD)) == 401


async def test_one_that_is_not_there_or_cannot_have_it_is_told_nothing() -> None:
    async with cpo() as node:
        away = await tell(node)
        assert (away.exit_code, "nothing was changed" in away.output) == (1, True)
        async with charger(node, Version.V1_6.removeprefix("ocpp")):
            long = await tell(node, "a text of more than twenty characters")
            assert (long.exit_code, "32 to 40 hexadecimal digits" in long.output) == (1, True)
        assert await may_connect(node, OLD)
