"""Builds the wheel with some modules compiled (decision 0067), where HATCH_BUILD_HOOK_ENABLE_CUSTOM is 1.

Which modules those are stands in `pyproject.toml`. They are the same files: what is not compiled on a machine
runs as it stands.
"""

from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: One library has all the code; each module is a door to it.
LIBRARY = "ocpi_hub_compiled"


class CompiledModules(BuildHookInterface):  # type: ignore[type-arg,misc]  # hatchling has no annotations
    """Compiles modules with mypyc, and lays them beside their sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the sources are to be edited."""
        if version == "editable":
            return
        self._folder = TemporaryDirectory(prefix="ocpi-hub-compiled-")  # its files go into the wheel later
        made = Path(self._folder.name) / "made"
        with chdir(self.root):
            _compile(self.config["modules"], Path(self._folder.name), made)
        build_data["infer_tag"] = True
        build_data["pure_python"] = False
        build_data["force_include"].update(
            {str(each): str(each.relative_to(made)) for each in made.rglob("*.so")}
        )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clear away what was in between."""
        del build_data, artifact_path
        if version != "editable":
            self._folder.cleanup()


def _compile(modules: list[str], between: Path, made: Path) -> None:
    # Only who compiles needs these.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415

    extensions = mypycify(
        ["--config-file", "pyproject.toml", "--cache-dir", str(between / "cache"), *modules],
        target_dir=str(between / "c"),
        group_name=LIBRARY,
        opt_level="3",
        debug_level="0",
    )
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(made), str(between / "objects")
    command.ensure_finalized()
    command.run()
