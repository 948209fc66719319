"""The file in which an operator says how grave the rules for CDRs are, and what they measure with."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.connection import CommandFailed
from hub.pricing.plausibility.measures import Plausibility

RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--cdr-rules",
        envvar="OCPI_HUB_CDR_RULES",
        metavar="FILE",
        help="A TOML file: how grave each rule for CDRs is, and what it measures with.",
    ),
]


class RulesNotReadable(CommandFailed):
    """The file cannot be read as rules for CDRs."""

    exit_code = 2


def rules_in(file: Path | None) -> Plausibility:
    """The rules as a file has them; as they are delivered without one.

    Raises:
        RulesNotReadable: it is not there, no TOML, or has a name or value that cannot be; all are named.
    """
    # Most commands need no rules, and shall not wait for them.
    from hub.pricing.plausibility.told import WrongRules, plausibility  # noqa: PLC0415

    if file is None:
        return Plausibility()
    try:
        return plausibility(tomllib.loads(file.read_text("utf-8"), parse_float=Decimal))
    except OSError as error:
        raise RulesNotReadable(f"cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RulesNotReadable(f"{file} is not TOML: {error}") from error
    except WrongRules as error:
        lines = "\n".join(f"{file}: {line}" for line in str(error).splitlines())
        raise RulesNotReadable(lines) from error
