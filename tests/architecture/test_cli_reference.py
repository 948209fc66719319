"""What the documentation says about the command line is true."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.main import get_command

from hub.cli.program import app as hub
from hub.cli.reference import PAGE, reference
from partners.cli import app as node

HOME = Path(__file__).parents[2]
PAGES = sorted([*HOME.glob("*.md"), *HOME.glob("docs/*.md"), *HOME.glob("docs/decisions/*.md")])
PROGRAMS = {"ocpi-hub": hub, "ocpi-node": node}
COMMAND = re.compile(r"(?:`|\$ )(ocpi-hub|ocpi-node)((?: +[^\s`|#()]+)+)")


def test_the_page_about_the_command_line_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run: python -m hub.cli.reference"


def unknown_in(words: list[str], program: Typer = hub) -> str | None:
    """The first word of a command line that the program does not know, apart from values."""
    command: Any = get_command(program)
    options = _options(command)
    is_value = False
    for word in words:
        if is_value:  # of the option before it, which may look like a command
            is_value = False
        elif word.startswith("-"):
            name, _, value = word.partition("=")
            if name not in options:
                return word
            is_value = options[name] and not value
        elif hasattr(command, "commands") and re.fullmatch("[a-z-]+", word):
            if word not in command.commands:
                return word
            command = command.commands[word]
            options |= _options(command)
    return None


def _options(command: Any) -> dict[str, bool]:
    """The options of a command, and whether each has a value."""
    found = {"--help": False}
    for each in command.params:
        has_value = not getattr(each, "is_flag", True)
        found |= dict.fromkeys((*each.opts, *each.secondary_opts), has_value)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documentation_exist_with_their_options(page: Path) -> None:
    for match in COMMAND.finditer(page.read_text()):
        assert unknown_in(match[2].split(), PROGRAMS[match[1]]) is None, match[0]


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert unknown_in(["partner", "marry", "acme"]) == "marry"
    assert unknown_in(["journal", "--fellow"]) == "--fellow"
    assert unknown_in(["partner", "invite", "acme", "--again"]) is None
    assert unknown_in(["--data", "elsewhere", "partner", "list"]) is None
    assert unknown_in(["--data", "elsewhere", "partner", "marry"]) == "marry"
    assert unknown_in(["--data=elsewhere", "partner", "marry"]) == "marry"
