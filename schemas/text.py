"""Text fields: CiString, string and URL, with their lengths, alphabets and formats."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from schemas.tolerance import strict_or_tolerated

#: What stands in a required text field whose data cannot exist (TR-34).
NOT_AVAILABLE: Final = "#NA"

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_PRINTABLE_ASCII: Final = r"^[ -~]*$"
_HTTP_URL: Final = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#\x00-\x1f\x7f][^\s\x00-\x1f\x7f]*$"


@dataclass(frozen=True, slots=True)
class Format:
    """A form that a text must have, beyond its length.

    Attributes:
        pattern: A regular expression in the dialect that Rust, Python and ECMA-262 share, anchored.
        expected: The same in plain words, such as "a latitude in decimal degrees".
    """

    pattern: str
    expected: str


def or_not_available(form: Format) -> Format:
    """The same format for a required field, in which `#NA` may stand too (TR-34)."""
    return Format(f"^#NA$|{form.pattern}", form.expected)


@dataclass(frozen=True, slots=True)
class Text:
    """Annotates a `str` field: at most `length` characters of an alphabet, perhaps in a format.

    The value keeps its spelling. Tolerant reading waives length and alphabet, never the format.
    """

    length: int | None = None
    form: Format | None = None

    #: The name of the type in the tables of the specification.
    ocpi_type: ClassVar[str]
    #: Whether two values that differ only in case are equal.
    ignores_case: ClassVar[bool]
    _alphabet: ClassVar[Format]

    @property
    def expected(self) -> str:
        """What such a field holds, in plain words."""
        what = self.form.expected if self.form else self._alphabet.expected
        limit = "" if self.length is None else f", at most {self.length} characters"
        return f"expected {what}{limit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler  # a marker of str fields only
        form = self.form
        accepted = re.compile(form.pattern) if form else None

        def tolerated(value: Any) -> str:
            if isinstance(value, str) and (accepted is None or accepted.search(value)):
                return value
            raise ValueError(self.expected)

        strict = core_schema.str_schema(strict=True, max_length=self.length, pattern=self._pattern)
        return strict_or_tolerated(strict, tolerated, kind="text", expected=self.expected)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler  # the schema of a text is wholly known here
        limit = {} if self.length is None else {"maxLength": self.length}
        case = {"$comment": f"{self.ocpi_type}: equality ignores case"} if self.ignores_case else {}
        return {"type": "string", **limit, "pattern": self._pattern, **case}

    @property
    def _pattern(self) -> str:
        return (self.form or self._alphabet).pattern


@dataclass(frozen=True, slots=True)
class CiString(Text):
    """CiString(n): printable ASCII, equal whatever the case (2.2.1, Types, CiString)."""

    ocpi_type: ClassVar[str] = "CiString"
    ignores_case: ClassVar[bool] = True
    _alphabet: ClassVar[Format] = Format(_PRINTABLE_ASCII, "printable ASCII text")


@dataclass(frozen=True, slots=True)
class OcpiString(Text):
    """string(n): printable Unicode without line breaks, case matters (2.2.1, Types, string)."""

    ocpi_type: ClassVar[str] = "string"
    ignores_case: ClassVar[bool] = False
    _alphabet: ClassVar[Format] = Format(_PRINTABLE, "printable text without line breaks")


@dataclass(frozen=True, slots=True)
class HttpUrl(Text):
    """URL: an absolute http or https address (2.2.1, Types, URL; VE-02)."""

    length: int | None = 255
    ocpi_type: ClassVar[str] = "URL"
    ignores_case: ClassVar[bool] = False
    _alphabet: ClassVar[Format] = Format(_HTTP_URL, "an absolute http or https URL")
    form: Format | None = Format(_HTTP_URL, "an absolute http or https URL")
