"""The page about the command line is the one that the commands make."""

from hub.cli.reference import PAGE, reference


def test_the_page_about_the_command_line_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run: python -m hub.cli.reference"
