"""Tariffs at the hub: kept, given out, taken back (2.2.1, chapter Tariffs)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.recorder import Answered, Recorder, to_json
from tests.fixtures.roaming import CPO, EMSP, HUB, OTHER_EMSP, TARIFF, Roaming, joined


async def push(world: Roaming, value: Any, *, to: str = HUB, method: str = "PUT") -> Answered:
    sent = {} if method == "DELETE" else {"value": value}
    return await world.cpo.call(
        method, world.url("tariffs", "RECEIVER", f"/{CPO}/T1"), to=to, sender=CPO, **sent
    )


async def listed(world: Roaming, asker: Recorder, party: str) -> list[Any]:
    return (await asker.call("GET", world.url("tariffs", "SENDER"), to=HUB, sender=party)).data


@pytest.mark.holds("TAR-19", "RT-55", by="hub")
async def test_a_tariff_for_one_emsp_leaks_to_nobody(world: Roaming) -> None:
    """Neither in a list nor over the one that everybody has."""
    async with Recorder([("EMSP", *OTHER_EMSP.split("/"))]) as other:
        await joined(world.hub, other, "other")
        await push(world, TARIFF)
        await other.receives("PUT", "/receiver/tariffs")
        await world.emsp.receives("PUT", "/receiver/tariffs")
        cheaper = TARIFF | {"last_updated": "2026-02-01T00:00:00Z", "currency": "GBP"}
        assert (await push(world, cheaper, to=EMSP)).code == 1000
        assert (await world.emsp.receives("PUT", "/receiver/tariffs", 2)).value == cheaper
        assert await listed(world, other, OTHER_EMSP) == [TARIFF]
        assert await listed(world, world.emsp, EMSP) == [TARIFF]
        assert (await push(world, None, to=EMSP, method="DELETE")).code == 1000
        assert await listed(world, other, OTHER_EMSP) == [TARIFF]
        assert len(other.all("*", "/receiver/tariffs")) == 1


@pytest.mark.holds("TAR-11", "TAR-16", "RT-25", by="hub")
async def test_prices_are_kept_as_they_were_written(world: Roaming) -> None:
    """A VAT that is absent does not apply, which is not zero; every digit counts."""
    components = [
        {"type": "ENERGY", "price": Decimal("0.2500"), "step_size": 1},
        {"type": "TIME", "price": Decimal("2.00"), "vat": Decimal("0.0"), "step_size": 60},
        {"type": "FLAT", "price": 1, "vat": Decimal("21.00"), "step_size": 0},
    ]
    value = TARIFF | {"elements": [{"price_components": components}]}
    assert (await push(world, value)).code == 1000
    text = (await world.emsp.receives("PUT", "/receiver/tariffs")).body
    assert text == to_json(value)
    answer = await world.emsp.call("GET", world.url("tariffs", "SENDER"), to=HUB, sender=EMSP)
    assert to_json(value) in answer.body
    for missing in components:
        bare = [{name: each for name, each in missing.items() if name != "step_size"}]
        refused = await push(world, TARIFF | {"elements": [{"price_components": bare}]})
        assert refused.code == 2001
        assert "/elements/0/price_components/0/step_size" in refused.envelope["status_message"]


async def test_a_tariff_is_not_patched(world: Roaming) -> None:
    """TAR-01."""
    answer = await push(world, {"last_updated": "2026-02-01T00:00:00Z"}, method="PATCH")
    assert (answer.status, answer.code) == (405, 2000)


async def test_a_tariff_that_was_taken_back_can_come_again(world: Roaming) -> None:
    await push(world, TARIFF)
    assert (await push(world, None, method="DELETE")).code == 1000
    assert await listed(world, world.emsp, EMSP) == []
    assert (await push(world, TARIFF)).status == 201
    assert await listed(world, world.emsp, EMSP) == [TARIFF]
