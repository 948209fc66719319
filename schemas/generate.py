"""Generate the JSON Schemas (draft 2020-12) of every object: `python -m schemas.generate [--check]`.

They are made from the models and committed beside them, for partners and for validators in other languages.
What a JSON Schema does not say well stays with the models alone: rules between fields, real calendar dates,
how many digits may stand after the point.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas import exact_json
from schemas.v2_2_1 import OBJECTS
from schemas.wire_object import WireObject

#: Where the generated schemas of OCPI 2.2.1 are kept.
FOLDER: Final = Path(__file__).with_name("json") / "2.2.1"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _PlainSchema(GenerateJsonSchema):
    """JSON Schema without what pydantic adds of its own: titles of fields and defaults."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema  # the name of the field says it
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def file_name(object_name: str) -> str:
    """The file of an object's schema: `StartSession` is in `start_session.schema.json`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", object_name).lower() + ".schema.json"


def json_schema(model: type[WireObject]) -> dict[str, Any]:
    """The JSON Schema of a model, complete in itself."""
    head = {"$schema": _DIALECT, "$id": file_name(model.__name__), "title": model.__name__}
    return head | model.model_json_schema(schema_generator=_PlainSchema)


def generated() -> Mapping[str, bytes]:
    """The text of every schema file, by its name."""
    return {file_name(name): _text(json_schema(model)) for name, model in OBJECTS.items()}


def drift(folder: Path = FOLDER) -> tuple[str, ...]:
    """The names of files that are not as they would be generated now: changed, missing or left over."""
    wanted = generated()
    found = {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}
    return tuple(sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)))


def write(folder: Path = FOLDER) -> None:
    """Bring the files up to date."""
    wanted = generated()
    folder.mkdir(parents=True, exist_ok=True)
    for name in drift(folder):
        if name in wanted:
            (folder / name).write_bytes(wanted[name])
        else:
            (folder / name).unlink()


def _text(schema: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(exact_json.encode(schema), indent=2) + b"\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the schemas, or with `--check` only say which of them are out of date."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    stale = drift()
    sys.stdout.writelines(
        f"{name} is not as the models are: run python -m schemas.generate\n" for name in stale
    )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
