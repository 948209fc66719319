"""The one way in which the engine says no: nothing is priced at 0 because it was not understood."""


class CannotBePriced(ValueError):
    """A tariff or a session says something that the engine does not understand, or contradicts itself.

    Attributes:
        pointer: JSON pointer to the culprit, in the shape of a CDR: `/tariffs/0/…`, `/charging_periods/3/…`.
        reason: What is wrong with it, in words.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer}: {reason}")
        self.pointer = pointer
        self.reason = reason
