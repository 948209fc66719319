"""The hub reads the lists of both reference nodes when they connect: what it finds is what they have."""

from pathlib import Path

from hub.ocpi.party import Party
from partners.cpo.app import CpoNode
from partners.emsp.app import EmspNode
from partners.emsp.authorization import EVERYWHERE
from partners.emsp.settings import EmspSettings
from partners.settings import NodeSettings
from tests.fixtures.cpo_world import cpo_settings
from tests.fixtures.emsp_world import APP, RFID
from tests.fixtures.pulling import pulling

CPO, EMSP = "NL/CPO", "NL/EMA"


async def test_what_the_nodes_have_is_what_the_hub_has(tmp_path: Path) -> None:
    """Each object is stored or known from its broadcast, and none is found wrong."""
    emsp_settings = EmspSettings(
        node=NodeSettings(party=Party.parse(EMSP), name="eMSP A"),
        tokens=[(RFID, EVERYWHERE), (APP, EVERYWHERE)],
    )
    async with pulling(tmp_path) as world, EmspNode(emsp_settings) as emsp, CpoNode(cpo_settings()) as cpo:
        for name, node in (("cpo", cpo), ("emsp", emsp)):
            invitation = await world.hub.platforms.invite(name)
            await node.register(world.hub.versions_url, invitation.token)
        for platform, module, count in (
            ("cpo", "tariffs", 1),
            ("cpo", "locations", 1),
            ("emsp", "tokens", 2),
        ):
            done = await world.until(lambda each: each["full_at"], module, platform)
            assert (done["stored"] + done["unchanged"], done["broken"], done["error"]) == (count, 0, ""), (
                module
            )
            again = await world.again(platform, module)
            assert (again["unchanged"], again["stored"], again["invalid"]) == (count, 0, 0), module
