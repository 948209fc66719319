"""How a quirk comes and goes: learnt once, counted, ended by evidence, pinned (decision 0026)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.directory.quirks import MISSING, NO, QUIRKS, THERE, YES, Pushes, Quirk, Quirks, Seen
from hub.ocpi.headers import TokenEncoding
from hub.registry.observations import CAPACITY
from hub.registry.quirk_watch import (
    MOST_CHANGES,
    RESTLESS_FOR,
    TRY_AGAIN_AFTER,
    QuirkWatch,
    known_quirks,
)
from tests.fixtures.registry_hub import RegistryHub, registry_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RegistryHub]:
    async with registry_hub(tmp_path) as hub:
        await hub.platforms.invite("acme")
        yield hub


@pytest.fixture
def watch(hub: RegistryHub) -> QuirkWatch:
    return QuirkWatch(hub.database, hub.directory, hub.clock)


def quirks(hub: RegistryHub) -> Quirks:
    return hub.named("acme").quirks


async def sees(watch: QuirkWatch, hub: RegistryHub, quirk: Quirk, *values: str, about: str = "") -> None:
    for value in values:
        watch.observe(hub.named("acme").id, Seen(quirk, value, "story", about))
    await watch.write_waiting()


async def test_the_directory_is_loaded_anew_only_when_a_value_changes(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    before = hub.directory.value
    await sees(watch, hub, Quirk.IDS_IN_ANSWERS, THERE, THERE)
    assert hub.directory.value is before
    await sees(watch, hub, Quirk.IDS_IN_ANSWERS, MISSING)
    learnt = hub.directory.value
    assert quirks(hub).has(Quirk.IDS_IN_ANSWERS)
    hub.clock.advance(timedelta(minutes=1))
    await sees(watch, hub, Quirk.IDS_IN_ANSWERS, MISSING, MISSING)
    assert hub.directory.value is learnt
    (row,) = (await known_quirks(hub.database))[hub.named("acme").id]
    assert (row.count, row.correlation_id) == (3, "story")
    assert row.last_seen - row.first_seen == timedelta(minutes=1)


async def test_what_each_message_shows_is_counted_as_if_it_were_told_each_time(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    platform_id = hub.named("acme").id
    shown = (Seen(Quirk.IDS_IN_ANSWERS, MISSING, ""), Seen(Quirk.CREATED, "always", ""))
    sights = watch.sights(platform_id, shown)
    assert sights is not None
    sights.tell("first")
    await watch.write_waiting()
    assert quirks(hub).has(Quirk.IDS_IN_ANSWERS)
    assert quirks(hub).has(Quirk.CREATED)
    sights = watch.sights(platform_id, shown)
    assert sights is not None
    for times in range(2):
        hub.clock.advance(timedelta(minutes=1))
        for story in ("early", "late"):
            sights.tell(f"{story}-{times}")
        watch.observe(platform_id, Seen(Quirk.CREATED, "always", "told"))
        await watch.write_waiting()
        await watch.write_waiting()
        rows = {row.name: row for row in (await known_quirks(hub.database))[platform_id]}
        ids, created = rows[Quirk.IDS_IN_ANSWERS], rows[Quirk.CREATED]
        assert (ids.count, ids.correlation_id) == (3 + 2 * times, f"late-{times}")
        assert (created.count, created.correlation_id) == (4 + 3 * times, "told")
        assert ids.last_seen - ids.first_seen == timedelta(minutes=1 + times)


async def test_what_was_counted_is_written_down_though_the_directory_has_changed(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    platform_id = hub.named("acme").id
    await sees(watch, hub, Quirk.IDS_IN_ANSWERS, MISSING)
    shown = (Seen(Quirk.IDS_IN_ANSWERS, MISSING, ""),)
    before = watch.sights(platform_id, shown)
    assert before is not None
    before.tell("before")
    await hub.platforms.invite("other")
    after = watch.sights(platform_id, shown)
    assert after is not None
    before.tell("on its way")
    after.tell("after")
    await watch.write_waiting()
    (row,) = (await known_quirks(hub.database))[platform_id]
    assert (row.count, row.correlation_id) == (4, "after")


async def test_what_each_message_shows_ends_a_quirk_and_leaves_what_is_pinned_alone(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    platform_id = hub.named("acme").id
    await sees(watch, hub, Quirk.IDS_IN_ANSWERS, MISSING)
    await hub.platforms.arrange("acme", quirks={Quirk.PATCH: NO})
    shown = (Seen(Quirk.IDS_IN_ANSWERS, THERE, ""), Seen(Quirk.PATCH, NO, ""))
    sights = watch.sights(platform_id, shown)
    assert sights is not None
    for _ in range(QUIRKS[Quirk.IDS_IN_ANSWERS].ends_after):
        sights.tell("story")
    await watch.write_waiting()
    assert not quirks(hub).has(Quirk.IDS_IN_ANSWERS)
    assert not quirks(hub).takes_patch
    assert watch.sights(platform_id, ()) is None


@pytest.mark.parametrize("quirk", [each for each in Quirk if QUIRKS[each].odd and each is not Quirk.PUSH])
async def test_each_quirk_ends_after_as_many_usual_sights_as_it_says(
    hub: RegistryHub, watch: QuirkWatch, quirk: Quirk
) -> None:
    described = QUIRKS[quirk]
    await sees(watch, hub, quirk, described.odd[0])
    for _ in range(described.ends_after):
        assert quirks(hub).has(quirk)
        await sees(watch, hub, quirk, described.usual)
    assert not quirks(hub).has(quirk)


async def test_one_odd_sight_begins_the_count_anew(hub: RegistryHub, watch: QuirkWatch) -> None:
    await sees(watch, hub, Quirk.CREATED, "always", *["201"] * 19, "always", *["201"] * 19)
    assert quirks(hub).value(Quirk.CREATED) == "always"
    await sees(watch, hub, Quirk.CREATED, "201")
    assert not quirks(hub).has(Quirk.CREATED)


async def test_a_quirk_that_hides_its_own_end_is_tried_again_after_a_day(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    await sees(watch, hub, Quirk.PATCH, NO)
    hub.clock.advance(TRY_AGAIN_AFTER)
    await watch.write_waiting()
    assert not quirks(hub).takes_patch
    hub.clock.advance(timedelta(seconds=1))
    await watch.write_waiting()
    assert quirks(hub).takes_patch


async def test_what_is_pinned_neither_comes_nor_goes(hub: RegistryHub, watch: QuirkWatch) -> None:
    await hub.platforms.arrange("acme", quirks={Quirk.PATCH: NO, Quirk.IDS_IN_ANSWERS: THERE})
    await sees(watch, hub, Quirk.PATCH, YES)
    await sees(watch, hub, Quirk.IDS_IN_ANSWERS, MISSING)
    hub.clock.advance(2 * TRY_AGAIN_AFTER)
    await watch.write_waiting()
    assert not quirks(hub).takes_patch
    assert not quirks(hub).has(Quirk.IDS_IN_ANSWERS)


async def test_a_pin_of_the_token_is_how_it_is_shown(hub: RegistryHub, watch: QuirkWatch) -> None:
    await sees(watch, hub, Quirk.TOKEN, "raw")
    assert hub.named("acme").token_encoding is TokenEncoding.RAW
    await hub.platforms.arrange("acme", quirks={Quirk.TOKEN: "base64"})
    await sees(watch, hub, Quirk.TOKEN, "raw")
    assert hub.named("acme").token_encoding is TokenEncoding.BASE64


async def test_whether_a_platform_pushes_is_unknown_until_it_is_seen(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    assert quirks(hub).pushes is Pushes.UNKNOWN
    await sees(watch, hub, Quirk.PUSH, NO)
    assert quirks(hub).pushes is Pushes.NO
    await sees(watch, hub, Quirk.PUSH, YES)
    assert quirks(hub).pushes is Pushes.YES
    assert not quirks(hub).has(Quirk.PUSH)


async def test_a_quirk_of_one_interface_says_nothing_of_others(hub: RegistryHub, watch: QuirkWatch) -> None:
    await sees(watch, hub, Quirk.TRAILING_SLASH, "all", about="locations RECEIVER")
    assert quirks(hub).url("https://a/l", "locations RECEIVER") == "https://a/l/"
    assert quirks(hub).url("https://a/l", "locations SENDER") == "https://a/l"


async def test_what_was_seen_of_a_platform_that_is_gone_is_dropped(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    platform = hub.named("acme")
    watch.observe(platform.id, Seen(Quirk.PATCH, NO, "story"))
    await hub.platforms.remove("acme")
    await watch.write_waiting()
    assert await known_quirks(hub.database) == {}


async def test_observations_that_wait_are_bounded(hub: RegistryHub, watch: QuirkWatch) -> None:
    platform = hub.named("acme")
    for _ in range(CAPACITY + 10):
        watch.observe(platform.id, Seen(Quirk.PATCH, NO, "story"))
    await watch.write_waiting()
    (row,) = (await known_quirks(hub.database))[platform.id]
    assert row.count == CAPACITY


async def test_a_value_that_changes_without_end_is_not_followed_without_end(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    """Each change loads the Directory anew, and lets what waits for the platform be tried again at once."""
    for number in range(3 * MOST_CHANGES):
        await sees(watch, hub, Quirk.REDIRECT, f"https://a/l;node={number}", about="locations SENDER")
    settled = hub.directory.value
    assert quirks(hub).url("https://a/l", "locations SENDER") == f"https://a/l;node={MOST_CHANGES - 1}"
    await sees(watch, hub, Quirk.REDIRECT, "https://a/l;node=x", about="locations SENDER")
    assert hub.directory.value is settled
    await sees(
        watch, hub, Quirk.REDIRECT, *[NO] * QUIRKS[Quirk.REDIRECT].ends_after, about="locations SENDER"
    )
    assert quirks(hub).url("https://a/l", "locations SENDER") == "https://a/l"
    hub.clock.advance(RESTLESS_FOR)
    await sees(watch, hub, Quirk.REDIRECT, "https://a/moved", about="locations SENDER")
    assert quirks(hub).url("https://a/l", "locations SENDER") == "https://a/moved"


async def test_an_encoding_that_is_pinned_no_more_is_found_out_again(
    hub: RegistryHub, watch: QuirkWatch
) -> None:
    await hub.platforms.arrange("acme", quirks={Quirk.TOKEN: "raw"})
    await hub.platforms.arrange("acme", quirks={Quirk.TOKEN: None})
    await sees(watch, hub, Quirk.TOKEN, "base64")
    assert hub.named("acme").token_encoding is TokenEncoding.BASE64
