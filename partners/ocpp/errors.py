"""How a CALL is refused: one code for each reason, spelled as its version spells it.

| reason                 | 1.6                          | 2.0.1, 2.1                    |
|------------------------|------------------------------|-------------------------------|
| FORMAT                 | FormationViolation           | FormatViolation               |
| OCCURRENCE             | OccurenceConstraintViolation | OccurrenceConstraintViolation |
| UNKNOWN_MESSAGE_TYPE   | -                            | MessageTypeNotSupported       |
| UNREADABLE             | -                            | RpcFrameworkError             |

Peers mix the spellings up: both are understood from everybody.

Sources: OCPP-J 1.6, 4.2.3; OCPP-J 2.0.1, 4.3.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from partners.ocpp.versions import Version


class ErrorCode(StrEnum):
    """Why a CALL is not answered with a result; the value is the spelling of 2.0.1."""

    #: The action is not known at all.
    NOT_IMPLEMENTED = "NotImplemented"
    #: The action is known, and not offered here.
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    #: The frame is not built as OCPP-J says.
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    #: The payload is not built as the action's schema says.
    FORMAT = "FormatViolation"
    #: A field has a value that it may not have.
    PROPERTY = "PropertyConstraintViolation"
    #: A field is missing, or there are too few or too many of it.
    OCCURRENCE = "OccurrenceConstraintViolation"
    #: A field is of the wrong JSON type.
    TYPE = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"
    #: The first element of the frame is no message type.
    UNKNOWN_MESSAGE_TYPE = "MessageTypeNotSupported"
    #: There is no frame, or no message id, to answer.
    UNREADABLE = "RpcFrameworkError"


_IN_1_6: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.FORMAT: "FormationViolation",
    ErrorCode.OCCURRENCE: "OccurenceConstraintViolation",
    ErrorCode.UNKNOWN_MESSAGE_TYPE: "FormationViolation",
    ErrorCode.UNREADABLE: "FormationViolation",
}
_MEANT: Final[Mapping[str, ErrorCode]] = {code.value: code for code in ErrorCode} | {
    "FormationViolation": ErrorCode.FORMAT,
    "OccurenceConstraintViolation": ErrorCode.OCCURRENCE,
}


def spelled(code: ErrorCode, version: Version) -> str:
    """The code as this version writes it."""
    return _IN_1_6.get(code, code.value) if version.is_1_6 else code.value


def meant(text: str) -> ErrorCode | None:
    """The code that somebody meant, in whatever version's spelling; None for one that nobody knows."""
    return _MEANT.get(text)


class CallRefused(Exception):  # a protocol word, not a failure of the program
    """A CALL is answered with a CALLERROR.

    Attributes:
        code: What is wrong with it.
        description: For the other side's engineer: never the text of an exception.
    """

    def __init__(self, code: ErrorCode, description: str = "") -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
