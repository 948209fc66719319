"""`docs/reference/cli.md`, made from the commands: `python -m hub.cli.reference` writes it anew."""

import html
from pathlib import Path

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from hub.cli.program import app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
_HEAD = "<!-- Made by `python -m hub.cli.reference`; do not edit. -->\n\n"


def reference() -> str:
    """The page, as it should stand in the repository."""
    command = get_command(app)
    context = typer.Context(command, info_name="ocpi-hub")
    # Only with this does typer understand the marks in help texts; it escapes them for HTML as well.
    context.obj = {"TYPER_RICH_MARKUP_MODE": "rich"}
    page = get_docs_for_click(obj=command, ctx=context, name="ocpi-hub", title="The command line: `ocpi-hub`")
    lines = (line.rstrip() for line in html.unescape(page).splitlines())
    return _HEAD + "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(reference())


if __name__ == "__main__":
    main()
