"""Enumerations: closed ones, and those that partners may extend."""

from enum import StrEnum
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from schemas.tolerance import strict_or_tolerated


class OcpiEnum(StrEnum):
    """An enumeration of the specification; values are exact, case matters.

    Read tolerantly, a value that is not in the list stays in its field as the plain text it was (AM-33).
    A member is a `str` too, so comparing and writing work for both.
    """

    @classmethod
    def tolerated(cls, text: str) -> str:
        """What tolerant reading makes of a text that is no value of this enumeration."""
        return text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler  # the members say it all
        ref = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"
        return strict_or_tolerated(
            cls._strictly(), cls._tolerated, kind="enumeration", expected=cls._expected(), ref=ref
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler  # the members say it all
        return {"type": "string", "enum": [member.value for member in cls]}

    @classmethod
    def _strictly(cls) -> CoreSchema:
        return core_schema.enum_schema(cls, list(cls), sub_type="str", strict=False)

    @classmethod
    def _expected(cls) -> str:
        return f"expected one of {', '.join(member.value for member in cls)}"

    @classmethod
    def _tolerated(cls, value: Any) -> str:
        if isinstance(value, str):
            return cls.tolerated(value)
        raise ValueError(cls._expected())


class OpenEnum(OcpiEnum):
    """An enumeration to which the specification lets parties add values: unknown ones stay text, always."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler  # the members say it all
        known = ", ".join(member.value for member in cls)
        return {"type": "string", "pattern": _WORD, "$comment": f"open; known values: {known}"}

    @classmethod
    def _strictly(cls) -> CoreSchema:
        word = core_schema.str_schema(strict=True, pattern=_WORD)
        return core_schema.union_schema([super()._strictly(), word], mode="left_to_right")

    @classmethod
    def _expected(cls) -> str:
        return f"{super()._expected()}, or another word that was agreed"


_WORD: Final = "^[!-~]+$"
