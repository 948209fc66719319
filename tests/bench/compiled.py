"""The hub with modules compiled, as in the image: `python -m tests.bench.compiled` makes it, says where."""

import hashlib
import os
import shutil
import sys
import zipfile
from pathlib import Path

from tests.bench.obtaining import HOME, Missing, run

FOLDER = HOME / ".compiled"
#: What it was made from, in the folder.
_MARK = "made-from"
#: What goes into the wheel.
_SOURCES = ("hub/**/*.py", "schemas/**/*", "pyproject.toml", "hatch_build.py")
_MINUTES = 10.0


def compiled_hub() -> Path:
    """A folder that goes before the checkout on Python's path; made anew when a source has changed.

    Raises:
        Missing: it cannot be made, as without a C compiler.
    """
    sources = _fingerprint()
    mark = FOLDER / _MARK
    if mark.exists() and mark.read_text() == sources:
        return FOLDER
    shutil.rmtree(FOLDER, ignore_errors=True)
    wheels = FOLDER / "wheels"
    run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(HOME)),
        environment={**os.environ, "HATCH_BUILD_HOOK_ENABLE_CUSTOM": "1"},
        minutes=_MINUTES,
    )
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(FOLDER)
    if not list(FOLDER.glob("hub/web/fast/replay.*.so")):
        raise Missing("the wheel was made, and nothing in it is compiled")
    mark.write_text(sources)
    return FOLDER


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for pattern in _SOURCES:
        for path in sorted(HOME.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{compiled_hub()}\n")
    except Missing as problem:
        sys.exit(f"the hub cannot be compiled: {problem}")
