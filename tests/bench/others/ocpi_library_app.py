"""The other OCPI library, serving locations from memory: `uvicorn ocpi_library_app:app`.

It runs in an environment of its own, and knows what that library needs and nothing of this project. In the
environment it finds LOCATION, a file with one location as JSON; LOCATIONS, of how many such it has; TOKEN,
which it accepts. Location number N was updated N seconds after the year began, so that a list by date is a
piece of the whole list: no database could be quicker.
"""
# ruff: noqa: A002, ARG003, TID251 the library calls these by name, and knows nothing of exact JSON

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from py_ocpi import get_application
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.enums import ModuleID, RoleEnum
from py_ocpi.modules.versions.enums import VersionNumber

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
LOCATION = json.loads(Path(os.environ["LOCATION"]).read_text())
COUNT = int(os.environ["LOCATIONS"])
TOKEN = os.environ["TOKEN"]


def numbered(number: int) -> dict[str, Any]:
    """A location of the list."""
    updated = BEGINNING + timedelta(seconds=number)
    return LOCATION | {"id": f"L{number:08d}", "last_updated": updated.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Crud:
    """What the library asks for objects."""

    @classmethod
    async def get(cls, module: Any, role: Any, id: str, *args: Any, **more: Any) -> dict[str, Any]:
        return LOCATION | {"id": id}

    @classmethod
    async def list(
        cls, module: Any, role: Any, filters: dict[str, Any], *args: Any, **more: Any
    ) -> tuple[list[dict[str, Any]], int, bool]:
        first = 0
        if filters["date_from"]:
            first = max(0, int((filters["date_from"] - BEGINNING).total_seconds()))
        begin = first + filters["offset"]
        end = min(begin + filters["limit"], COUNT)
        return [numbered(number) for number in range(begin, end)], COUNT - first, end >= COUNT

    @classmethod
    async def create(cls, module: Any, role: Any, data: Any, *args: Any, **more: Any) -> Any:
        return data

    @classmethod
    async def update(cls, module: Any, role: Any, data: Any, id: str, *args: Any, **more: Any) -> Any:
        return data


class Tokens(Authenticator):
    """Who may ask."""

    @classmethod
    async def get_valid_token_c(cls) -> list[str]:
        return [TOKEN]

    @classmethod
    async def get_valid_token_a(cls) -> list[str]:
        return []


app = get_application(
    [VersionNumber.v_2_2_1], [RoleEnum.cpo, RoleEnum.emsp], Crud, [ModuleID.locations], Tokens
)
