"""Lists as CPOs really give them: each record is stored, or named with the reason (TR-29; design D5).

`FAULTS` has the kinds of faults that are out there, written for this test. The answers of three CPOs, as they
came, are run through as well where they are at hand: `../shared/data/locations` beside the project.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.fixtures.pulling import ONCE, Pulled, pulling
from tests.fixtures.recorder import Recorder, Reply, from_json
from tests.fixtures.roaming import EMSP, HUB, LOCATION, joined

DUMPS = Path(__file__).parents[2].parent / "shared" / "data" / "locations"
EVSE = LOCATION["evses"][0]
CONNECTOR = EVSE["connectors"][0]


def _with(connector: dict[str, Any]) -> dict[str, Any]:
    """A location with this connector."""
    return {"evses": [EVSE | {"connectors": [connector]}]}


#: What is wrong, and where; an empty pointer: others can live with it.
FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, ""),
    ({"address": "Praça da República, 1200, bloco B, estacionamento subterrâneo"}, ""),
    ({"opening_times": None, "images": None, "evses": None}, ""),
    ({"id": "id with spaces", "operator": {"name": "A & B", "website": None}}, ""),
    ({"energy_mix": {"is_green_energy": True, "supplier_name": "x" * 70}}, ""),
    ({"country": "Polska"}, ""),
    ({"time_zone": ...}, "/time_zone"),
    ({"coordinates": {"latitude": "52.1", "longitude": "21.0"}}, "/coordinates/latitude"),
    ({"coordinates": {"latitude": 52.1234567, "longitude": "21.012345"}}, "/coordinates/latitude"),
    (_with({name: each for name, each in CONNECTOR.items() if name != "max_voltage"}), "max_voltage"),
    (_with(CONNECTOR | {"format": None}), "/evses/0/connectors/0/format"),
    ({"evses": [EVSE | {"connectors": []}]}, "/evses/0/connectors"),
    ({"party_id": None}, "/party_id"),
    ({"last_updated": 1767225600}, "/last_updated"),
)


def faulty() -> list[dict[str, Any]]:
    """A record for each fault."""
    records = [LOCATION | {"id": f"R{place}"} | change for place, (change, _) in enumerate(FAULTS)]
    return [{name: each for name, each in record.items() if each is not ...} for record in records]


def dumped(name: str) -> list[dict[str, Any]]:
    file = DUMPS / name
    if not file.exists():
        pytest.skip("the answers of real CPOs are not at hand")
    return from_json(file.read_bytes())["data"]


async def pulled(world: Pulled, records: list[dict[str, Any]]) -> tuple[list[Any], list[str]]:
    """What is stored of a list that was pulled, and what the journal names."""
    cpo, emsp = await partners(world, records)
    cpo.answers("GET", "/sender/locations", Reply(records, headers={"X-Total-Count": str(len(records))}))
    await joined(world.hub, cpo, "cpo")
    done = await world.ended()
    assert done["stored"] + done["unchanged"] + done["broken"] == len(records)
    assert done["error"] == ""
    stored = await everything(world, emsp)
    assert (len(stored), len(world.left_out)) == (done["stored"], done["broken"])
    return stored, [entry.note for entry in world.left_out]


async def broadcast(world: Pulled, records: list[dict[str, Any]]) -> tuple[list[Any], list[str]]:
    """What is stored of records that were sent one by one, and what was answered to the others."""
    cpo, emsp = await partners(world, records)
    await joined(world.hub, cpo, "cpo")
    party = "/".join(cpo.roles[0][1:])
    base = f"{world.hub.public_url}/ocpi/2.2.1/receiver/locations/{party}"
    refused = []
    for record in records:
        url = f"{base}/{quote(record['id'], safe='')}"
        answer = await cpo.call("PUT", url, record, to=HUB, sender=party)
        if answer.code != 1000:
            assert (answer.status, answer.code) == (200, 2001), answer.body
            refused.append(f"{record['id']!r}: {answer.envelope['status_message']}")
    return await everything(world, emsp), refused


async def partners(world: Pulled, records: list[dict[str, Any]]) -> tuple[Recorder, Recorder]:
    """A CPO whose records these are, and an eMSP."""
    (country_code, party_id), _ = Counter(
        (each["country_code"], each["party_id"]) for each in records
    ).most_common(1)[0]
    cpo = await world.partner(f"CPO {country_code}/{party_id or 'XXX'}")
    emsp = await world.partner(f"EMSP {EMSP}")
    return cpo, await joined(world.hub, emsp, "emsp")


async def everything(world: Pulled, emsp: Recorder) -> list[Any]:
    """All locations that the hub gives out, page by page."""
    found: list[Any] = []
    while page := await world.listed(emsp, EMSP, query=f"?offset={len(found)}"):
        found += page
    return found


def check(records: list[dict[str, Any]], stored: list[Any], named: list[str]) -> None:
    """No record is lost without a word, and none is changed."""
    assert len(stored) + len(named) == len(records)
    by_id = {each["id"]: each for each in records}
    assert all(by_id[each["id"]] == each for each in stored)
    missing = by_id.keys() - {each["id"] for each in stored}
    assert all(any(repr(each) in note for note in named) for each in missing)


WAYS = {"pull": (pulled, ONCE), "broadcast": (broadcast, replace(ONCE, is_on=False))}


@pytest.mark.holds("TR-29", "AM-31", "AM-32", "AM-33", by="hub")
@pytest.mark.parametrize("way", WAYS)
async def test_of_a_list_with_every_fault_each_record_is_stored_or_named(tmp_path: Path, way: str) -> None:
    records = faulty()
    went, rules = WAYS[way]
    async with pulling(tmp_path, rules) as world:
        stored, named = await went(world, records)
    check(records, stored, named)
    for record, (_, pointer) in zip(records, FAULTS, strict=True):
        notes = [note for note in named if repr(record["id"]) in note]
        assert [pointer in note for note in notes] == [True] * bool(pointer), (record["id"], notes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "good"), [("ezvolt.json", 91), ("toger.json", 0), ("ev24.json", 0)])
async def test_of_the_lists_of_real_cpos_each_record_is_stored_or_named(
    tmp_path: Path, name: str, good: int, way: str
) -> None:
    records = dumped(name)
    went, rules = WAYS[way]
    async with pulling(tmp_path, rules) as world:
        stored, named = await went(world, records)
    check(records, stored, named)
    assert len(stored) == good
