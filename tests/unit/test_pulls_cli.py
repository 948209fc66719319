"""`ocpi-hub pulls`: what is read from partners' lists, as an operator sees it."""

from pathlib import Path

from tests.fixtures.admin_hub import run
from tests.fixtures.pulling import ONCE, Shelf, pulling
from tests.fixtures.roaming import CPO, LOCATION, joined


async def test_an_operator_sees_what_was_left_out_and_has_it_read_again(tmp_path: Path) -> None:
    async with pulling(tmp_path, ONCE) as world:
        where = {"OCPI_HUB_ADMIN_URL": world.hub.admin_url, "OCPI_HUB_DATA": str(tmp_path)}
        empty = await run("pulls", **where)
        assert (empty.code, empty.out.splitlines()[-1]) == (0, "No partner offers a list to pull.")
        cpo = await world.partner(f"CPO {CPO}", endpoints=[("locations", "SENDER")])
        shelf = Shelf("locations", [LOCATION, LOCATION | {"id": "\x1b[31mBAD", "city": 7}]).at(cpo)
        await joined(world.hub, cpo, "cpo")
        await world.ended()
        shown = await run("pulls", "--partner", "cpo", **where)
        assert shown.code == 0
        for text in ("locations", "BE/BEC", "waiting", "\N{REPLACEMENT CHARACTER}[31mBAD", "/city: expected"):
            assert text in shown.out
        shelf.objects[1] = LOCATION | {"id": "GOOD"}
        asked = await run("pulls", "now", "cpo", "--module", "locations", "--full", **where)
        assert (asked.code, "ocpi-hub pulls --partner cpo" in asked.out) == (0, True)
        await world.until(lambda each: each["stored"] == 1 and each["broken"] == 0)
        found = (await run("pulls", "--json", **where)).json["lists"]
        assert [(each["module"], each["stored"], each["unchanged"], each["left_out"]) for each in found] == [
            ("locations", 1, 1, [])
        ]
        refused = await run("pulls", "now", "cpo", "--module", "horses", **where)
        assert (refused.code, "cpo has no list of horses to pull" in refused.err) == (1, True)
