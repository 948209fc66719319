"""The demo, as somebody runs it who has never seen it."""

import io
import re
import resource
import shlex
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from rich.console import Console

import hub.demo
from hub.demo.cast import APP_USER, LOCATION, Cast
from hub.demo.story import STORY, Step
from schemas import exact_json
from tests.fixtures.processes import Program

#: The demo, and what it says to try, each for as long as a busy machine takes.
pytestmark = pytest.mark.timeout(240)
#: As long as the issue allows.
WITHIN_SECONDS = 60
#: Room for a database and a few of its changes, but not for a story.
TOO_SMALL = 700 * 1024
PROGRAMS = {"ocpi-hub": "hub", "ocpi-node": "partners"}

Playing = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
def playing(tmp_path: Path) -> Playing:
    """`ocpi-hub demo` with some options."""
    stage = tmp_path / "stage"
    stage.mkdir()

    @asynccontextmanager
    async def played(*options: str, **more: str) -> AsyncIterator[Program]:
        arguments = ("hub", "demo", *options)
        program = await Program.start(tmp_path / "demo.log", *arguments, TMPDIR=str(stage), **more)
        try:
            yield program
        finally:
            await program.end()
        assert list(stage.iterdir()) == [], "temporary data is left behind"

    return played


async def test_it_tells_each_step_and_ends_well(playing: Playing) -> None:
    async with playing() as demo:
        assert await demo.ended(WITHIN_SECONDS) == 0, demo.output
        at = [demo.output.index(f"{number}. {step.title}: ") for number, step in enumerate(STORY, 1)]
    assert at == sorted(at)
    totals = re.search(r"AppDrive (\d+\.\d\d) EUR, CardDrive (\d+\.\d\d) EUR", demo.output)
    assert totals is not None
    assert min(map(float, totals.groups())) > 0
    assert "3 EVSEs (OCPP 1.6, 2.0.1, 2.1)" in demo.output
    assert "sessions, CDRs and bills agree" in demo.output
    assert "Traceback" not in demo.output


async def test_what_it_says_to_try_works_until_ctrl_c(playing: Playing, tmp_path: Path) -> None:
    async with playing("--keep") as demo:
        await demo.says(r"^  ocpi-node emsp bills .*\n", within=WITHIN_SECONDS)
        for url in re.findall(r"^  \w.* (http://\S+)$", demo.output, re.MULTILINE):
            # Partners' URLs want a token, and the operators' API a key.
            assert await status_of(url) in {401, 404}
        commands = re.findall(r"^  (ocpi-(?:hub|node) .*)$", demo.output, re.MULTILINE)
        assert len(commands) >= 5
        for asked, answered in (
            (r" partner list$", "charge-ground"),
            (r" objects locations$", LOCATION),
            (r" cpo location list ", LOCATION),
            (r" cpo alerts ", "Alert"),
            (r" cpo report ", "EUR"),
            (r" emsp bills ", APP_USER),
            (r" cdr list$", r"passed"),
        ):
            (command,) = [each for each in commands if re.search(asked, each)]
            program, *arguments = shlex.split(command)
            tried = await Program.start(tmp_path / "tried.log", PROGRAMS[program], *arguments)
            assert await tried.ended() == 0, tried.output
            assert answered in tried.output
            if asked == r" cdr list$":
                await the_verdicts_are_clean(tmp_path, arguments)
        demo.process.send_signal(signal.SIGINT)
        assert await demo.ended() == 0, demo.output
    assert "Traceback" not in demo.output


async def the_verdicts_are_clean(folder: Path, listing: list[str]) -> None:
    """All CDRs passed, priced anew to the last digit, and no rule has found anything."""
    listed = await Program.start(folder / "listed.log", PROGRAMS["ocpi-hub"], *listing, "--json")
    assert await listed.ended() == 0, listed.output
    verdicts = exact_json.decode(listed.output)["verdicts"]
    assert [(each["state"], each["findings"]) for each in verdicts] == [("passed", [])] * 3
    assert all(Decimal(one["difference"]) == 0 for each in verdicts for one in each["differences"])


async def status_of(url: str) -> int:
    """What a GET without any token is answered with."""
    assert urlsplit(url).hostname == "127.0.0.1"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def test_a_demo_that_is_stopped_in_the_middle_has_not_ended_well(playing: Playing) -> None:
    async with playing("--keep") as demo:
        await demo.says(r"^1\. ")
        demo.process.send_signal(signal.SIGINT)
        assert await demo.ended() == 130, demo.output


async def test_a_demo_for_which_the_disk_is_too_small_says_at_which_step_it_failed(tmp_path: Path) -> None:
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (TOO_SMALL, TOO_SMALL))
    demo = await Program.start(tmp_path / "demo.log", "hub", "demo", before=full, TMPDIR=str(tmp_path))
    assert await demo.ended(WITHIN_SECONDS) == 1
    found = re.search(r"^Failed at step (.+?): (.+)$", demo.output, re.MULTILINE)
    assert found is not None, demo.output
    assert found[1] in {step.title for step in STORY}


async def test_a_demo_that_cannot_begin_says_why(playing: Playing) -> None:
    async with playing(OCPI_HUB_ADMIN_KEY="short") as demo:
        assert await demo.ended() == 1
    assert re.search(r"^Failed at the start: .*OCPI_HUB_ADMIN_KEY: expected a key", demo.output, re.MULTILINE)
    assert "Traceback" not in demo.output


@pytest.mark.parametrize("error", [LookupError("no [such] place, nor [/this]"), TimeoutError()])
def test_a_step_that_fails_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fails(_: Cast) -> str:
        raise error

    story = (STORY[0], Step("A driver gets lost", fails), STORY[1])
    monkeypatch.setattr(hub.demo, "STORY", story)
    console = Console(file=io.StringIO(), width=120)
    assert hub.demo.run(console=console) == 1
    said = console.file.getvalue()
    reason = "it did not happen in time" if isinstance(error, TimeoutError) else f"LookupError: {error}"
    assert f"Failed at step A driver gets lost: {reason}\n" in said
    assert f"1. {STORY[0].title}: " in said
    assert f"{STORY[1].title}: " not in said
