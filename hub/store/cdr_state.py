"""Where a judged CDR stands; of its own, as the command line needs no database to name it."""

from enum import StrEnum


class CdrState(StrEnum):
    """What became of a CDR."""

    #: Its eMSP took it.
    PASSED = "passed"
    #: It waits for an operator.
    HELD = "held"
    #: An operator let it go; it is on its way.
    RELEASING = "releasing"
    #: An operator let it go, and its eMSP took it.
    RELEASED = "released"
    #: An operator dropped it.
    DROPPED = "dropped"
    #: The hub refused it.
    REFUSED = "refused"
