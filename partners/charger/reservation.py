"""A connector that is kept free for somebody."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reservation:
    """For whom, and until when."""

    #: As the central system counts them.
    id: int
    id_tag: str
    expires: datetime
    parent_id_tag: str | None = None

    def is_for(self, id_tag: str) -> bool:
        """Whether somebody with this id tag may use it."""
        return id_tag.upper() in {self.id_tag.upper(), (self.parent_id_tag or "").upper()} - {""}
