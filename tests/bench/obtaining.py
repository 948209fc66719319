"""What benchmarks need and a fresh machine has not: nginx, two small programs in C, another OCPI library.

Everything goes to `.bench/` in the checkout; nothing is installed on the machine.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HOME = Path(__file__).parents[2]
CACHE = HOME / ".bench"
NATIVE = Path(__file__).parent / "native"
#: The library that is compared with, as pip calls it. Its import name is `py_ocpi`: it goes on where
#: that package ended.
OCPI_LIBRARY = "extrawest-ocpi==2025.7.16"
#: Debian packages, unpacked.
UNPACKED = CACHE / "debian"
SECONDS = 60.0


class Missing(Exception):
    """Something that a measurement needs could not be had; the message says what to do."""


def native(name: str) -> Path:
    """A program of ours in C, compiled when its source is newer.

    Raises:
        Missing: there is no C compiler.
    """
    source, made = NATIVE / f"{name}.c", CACHE / "bin" / name
    if made.exists() and made.stat().st_mtime >= source.stat().st_mtime:
        return made
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Missing(f"no C compiler for {name}.c: apt-get install gcc libc6-dev")
    made.parent.mkdir(parents=True, exist_ok=True)
    # Two runs may make it at the same time; each finds it whole.
    fresh = made.with_suffix(f".{os.getpid()}")
    run(compiler, "-O2", "-Wall", "-Wextra", "-o", str(fresh), str(source), "-ldl")
    fresh.replace(made)
    return made


def nginx_here() -> Path | None:
    """nginx, if it need not be fetched."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(UNPACKED / "usr/sbin")])
    found = shutil.which("nginx", path=places)
    return None if found is None else Path(found)


def nginx() -> Path:
    """nginx: that of the machine, or Debian's, unpacked and not installed.

    Raises:
        Missing: there is none.
    """
    if (found := nginx_here()) is not None:
        return found
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Missing("no nginx, and no apt-get to fetch it: install nginx")
    UNPACKED.mkdir(parents=True, exist_ok=True)
    try:
        run("apt-get", "download", "nginx", cwd=UNPACKED)
    except Missing:
        # A machine whose lists of packages are old or not there yet; only root may read them anew.
        run("apt-get", "update", cwd=UNPACKED)
        run("apt-get", "download", "nginx", cwd=UNPACKED)
    run("dpkg", "-x", str(next(UNPACKED.glob("nginx_*.deb"))), str(UNPACKED))
    return UNPACKED / "usr/sbin/nginx"


def ocpi_library() -> Path:
    """The Python of a virtual environment that has the other OCPI library, and uvicorn.

    Raises:
        Missing: it cannot be installed.
    """
    folder = CACHE / OCPI_LIBRARY.replace("==", "-")
    done, python = folder / "done", folder / "bin" / "python"
    if done.exists():
        return python
    run(sys.executable, "-m", "venv", "--clear", str(folder))
    run(
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        OCPI_LIBRARY,
        "uvicorn",
        "httptools",
        "uvloop",
    )
    done.touch()
    return python


def run(
    *command: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    minutes: float = 5.0,
) -> None:
    """Run a program that makes or fetches something.

    Raises:
        Missing: it failed; the message says what it said.
    """
    try:
        subprocess.run(  # noqa: S603 our own words
            command, cwd=cwd, env=environment, check=True, capture_output=True, timeout=minutes * SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        raise Missing(f"{' '.join(command[:4])} failed: {said[-500:] or error}") from error
