"""Invites the nodes at the hub, by its command line, and writes what each must be told; at the first start.

A configuration here is one of the node without the two things that nobody knows before: its token A, and the
key of its own API.
"""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

NODES = ("cpo", "emsp")


def main(setup: Path, world: Path) -> None:
    """Write what is not there yet."""
    for node in NODES:
        configuration = world / f"{node}.toml"
        if configuration.exists():
            continue
        text = (setup / f"{node}.toml").read_text()
        text = text.replace("KEY", secrets.token_urlsafe(24)).replace("TOKEN", _invited(node))
        unfinished = configuration.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(text)
        unfinished.rename(configuration)
        print(f"{node} is invited", flush=True)  # noqa: T201 whoever looks at the log wants to know


def _invited(node: str) -> str:
    """A token A; another one where an onboarding before this one did not come to its end."""
    for more in ((), ("--again",)):
        command = ["ocpi-hub", "partner", "invite", node, *more, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 our own words
        if done.returncode == 0:
            return str(json.loads(done.stdout)["token"])  # noqa: TID251 no number in it
    sys.exit(f"{node} could not be invited")


main(Path(sys.argv[1]), Path(sys.argv[2]))
