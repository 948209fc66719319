"""2.2.1, Tokens: the CPO node as the receiver, by push and by pull."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.fixtures.cpo_world import SettableClock, World, token, world
from tests.fixtures.recorder import Received, Reply


def pulls(made: World) -> list[dict[str, list[str]]]:
    return [parse_qs(each.query) for each in made.hub.all("GET", "/sender/tokens")]


@pytest.mark.holds("TOK-05", "TR-39", by="cpo")
async def test_the_list_of_tokens_is_read_and_what_is_no_longer_in_it_does_not_charge() -> None:
    clock = SettableClock()
    both = (token("CARD1"), token("CARD2"))
    async with world(tokens=both, clock=clock, pull_interval=timedelta(milliseconds=100)) as made:
        made.knows(token("CARD1"))
        clock.ahead = timedelta(seconds=5)
        before = made.cpo.pulls
        await made.cpo.until(lambda: made.cpo.pulls > before + 1)
        charger = await made.charger()
        charger.plug_in(1)
        assert (await charger.tap(1, "CARD1")).value == "Accepted"
        assert made.cpo.id_tags.token("CARD2") is None


@pytest.mark.holds("TR-32", by="cpo")
async def test_after_an_outage_of_the_hub_only_what_changed_since_is_asked_for() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made:
        read_at = clock()
        clock.ahead = timedelta(hours=1)
        await made.hub.go_away()
        charger = await made.charger()
        charger.plug_in(1)
        await charger.until_told()
        await made.cpo.until(lambda: made.cpo.handover.waits_for_the_hub or None)
        changed = token("CARD9", last_updated="2026-02-01T00:00:00Z")
        made.knows(changed)
        await made.hub.come_back()
        await made.cpo.until(lambda: made.cpo.id_tags.token("CARD9"))
        (since,) = [each["date_from"][0] for each in pulls(made)]
        asked = datetime.fromisoformat(since)
        assert read_at - timedelta(minutes=6) < asked <= read_at
        # What is not in a list of changes stays valid.
        assert made.cpo.id_tags.token("CARD1") is not None


@pytest.mark.holds("TR-33", by="cpo")
async def test_the_whole_list_is_read_after_the_interval_give_or_take_a_tenth() -> None:
    clock = SettableClock()
    async with world(tokens=(token(),), clock=clock) as made:
        shortest = made.cpo.settings.pull_interval * 0.9
        assert shortest >= timedelta(hours=1)
        clock.ahead = shortest + timedelta(minutes=1)
        pause = await made.cpo._pull()
        assert pause is not None
        assert shortest <= pause <= made.cpo.settings.pull_interval * 1.1
        assert "date_from" not in pulls(made)[-1]
        clock.ahead += timedelta(hours=1)
        await made.cpo._pull()
        assert "date_from" in pulls(made)[-1]


@pytest.mark.holds("TR-29", by="cpo")
async def test_a_broken_token_in_a_list_is_left_out_and_the_others_are_taken() -> None:
    broken: dict[str, Any] = token("BROKEN")
    del broken["whitelist"]
    async with world(tokens=(token("CARD1"), broken, token("CARD2"))) as made:
        assert made.cpo.id_tags.token("CARD1") is not None
        assert made.cpo.id_tags.token("CARD2") is not None
        assert made.cpo.id_tags.token("BROKEN") is None


@pytest.mark.holds("TOK-09", by="cpo")
async def test_an_authorization_is_posted_with_the_type_of_the_token() -> None:
    async with world(tokens=(token(whitelist="NEVER"),)) as made:
        charger = await made.charger()
        charger.plug_in(1)
        await charger.tap(1, "CARD1")
        asked: Received = await made.hub.receives("POST", "/authorize")
        assert asked.path.endswith("/sender/tokens/CARD1/authorize")
        assert parse_qs(asked.query) == {"type": ["RFID"]}
        assert asked.value == {"location_id": "square", "evse_uids": ["E1"]}


@pytest.mark.holds("PG-12", "PG-13", by="cpo")
@pytest.mark.parametrize(("gone", "offsets"), [(0, [0, 2, 4]), (1, [0, 2, 1, 3])])
async def test_a_list_that_got_shorter_is_read_again_from_earlier(gone: int, offsets: list[int]) -> None:
    """What slipped into the page before would be missed otherwise, and taken for gone."""
    uids = [f"CARD{number}" for number in range(1, 6)]

    def page(request: Received) -> Reply:
        offset = int(parse_qs(request.query).get("offset", ["0"])[0])
        if offset == 2 and gone:
            uids[:] = uids[-5 + gone :]
        url = f"{made.hub.endpoint('tokens', 'SENDER')}?offset={offset + 2}"
        more = {"Link": f'<{url}>; rel="next"'} if offset + 2 < len(uids) else {}
        listed = [token(uid) for uid in uids[offset : offset + 2]]
        return Reply(listed, headers={"X-Total-Count": str(len(uids)), "X-Limit": "2", **more})

    clock = SettableClock()
    async with world(clock=clock) as made:
        made.hub.answers("GET", "/sender/tokens", page)
        clock.ahead = timedelta(days=1)
        await made.cpo._pull()
        asked = [int(each.get("offset", ["0"])[0]) for each in pulls(made)]
        assert asked == offsets
        assert all(made.cpo.id_tags.token(uid) is not None for uid in uids)
