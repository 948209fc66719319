"""Numbers: exact, and only what JSON calls a number."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class ExactNumber:
    """Annotates a `Decimal` field as number (2.2.1, Types, number).

    Strings, booleans and floats are refused: a float has lost its spelling already.

    Attributes:
        low: The least value, inclusive.
        high: The greatest value, inclusive.
        decimals: How many digits may stand after the point (trailing zeros not counted).
    """

    low: int | None = None
    high: int | None = None
    decimals: int | None = None
    ocpi_type: ClassVar[str] = "number"
    length: ClassVar[None] = None

    @property
    def expected(self) -> str:
        """What such a field holds, in plain words."""
        low = "" if self.low is None else f", at least {self.low}"
        high = "" if self.high is None else f", at most {self.high}"
        digits = "" if self.decimals is None else f", with at most {self.decimals} digit after the point"
        return f"expected a JSON number{low}{high}{digits}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler  # a marker of Decimal fields only
        limited = self != ExactNumber()

        def number(value: Any) -> Decimal:
            kind = type(value)
            if kind is int:
                value = Decimal(value)
            elif kind is not Decimal or not value.is_finite():
                raise PydanticCustomError("number", self.expected)
            if limited and not self._within(value):
                raise PydanticCustomError("number", self.expected)
            return value  # type: ignore[no-any-return]  # it was narrowed by its exact type

        return core_schema.no_info_plain_validator_function(number)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler  # the schema of a number is wholly known here
        low = {} if self.low is None else {"minimum": self.low}
        high = {} if self.high is None else {"maximum": self.high}
        remark = (
            {} if self.decimals is None else {"$comment": f"at most {self.decimals} digit after the point"}
        )
        return {"type": "number", **low, **high, **remark}

    def _within(self, value: Decimal) -> bool:
        above = self.low is None or value >= self.low
        below = self.high is None or value <= self.high
        return above and below and (self.decimals is None or not _digits_after(value, self.decimals))


def _digits_after(value: Decimal, decimals: int) -> bool:
    """Whether digits other than zero stand beyond so many decimals."""
    _, digits, exponent = value.as_tuple()
    excess = -int(exponent) - decimals
    return excess > 0 and any(digits[-excess:])


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """Annotates an `int` field as int or int(n): a JSON number without a fraction, at most n digits.

    Attributes:
        length: How many digits it may have.
        low: The least value, inclusive.
        high: The greatest value, inclusive.
    """

    length: int | None = None
    low: int | None = None
    high: int | None = None
    ocpi_type: ClassVar[str] = "int"

    @property
    def expected(self) -> str:
        """What such a field holds, in plain words."""
        low, high = self._limits
        bounds = [f"at least {low}"] if low is not None else []
        bounds += [f"at most {high}"] if high is not None else []
        return ", ".join(["expected a JSON integer", *bounds])

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler  # a marker of int fields only
        low, high = self._limits
        return core_schema.custom_error_schema(
            core_schema.int_schema(strict=True, ge=low, le=high),
            custom_error_type="integer",
            custom_error_message=self.expected,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema, handler  # the schema of an integer is wholly known here
        low, high = self._limits
        minimum = {} if low is None else {"minimum": low}
        maximum = {} if high is None else {"maximum": high}
        return {"type": "integer", **minimum, **maximum}

    @property
    def _limits(self) -> tuple[int | None, int | None]:
        most = None if self.length is None else 10**self.length - 1
        low = self.low if self.low is not None or most is None else -most
        return low, (self.high if self.high is not None else most)
