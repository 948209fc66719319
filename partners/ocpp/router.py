"""From a CALL to whoever answers it, and nothing that the schemas do not allow, in or out."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.frames import Call, Send
from partners.ocpp.payloads import Relaxation, Schemas, check, is_action, schemas_of
from partners.ocpp.versions import Version

Payload = Mapping[str, Any]
Station = TypeVar("Station")


class Router(Generic[Station]):
    """Who answers what, in one version of OCPP.

    Args:
        version: Whose actions and schemas these are.
        answerers: One for each action that is offered; told of the station that calls.
    """

    def __init__(
        self, version: Version, answerers: Mapping[str, Callable[[Station, Payload], Awaitable[Payload]]]
    ) -> None:
        self.version = version
        self._answerers = answerers
        #: Of actions that were called, or of all once it is warmed up.
        self._schemas: dict[str, Schemas] = {}
        #: Actions whose empty answer was found valid: it says nothing else the next time.
        self._may_be_empty: set[str] = set()

    def warm_up(self) -> None:
        """Compile the schemas of everything that is offered, so that no charger waits for it."""
        for action in self._answerers:
            self._schemas[action] = schemas_of(self.version, action)

    async def answer(
        self, station: Station, call: Call | Send, relaxed: Collection[Relaxation] = ()
    ) -> Payload:
        """The payload of the CALLRESULT; of a SEND it goes nowhere.

        Raises:
            CallRefused: The action is unknown or not offered, or its payload is not valid.
            Exception: Whatever the answerer raises.
        """
        action = call.action
        answerer = self._answerers.get(action)
        if answerer is None:
            known = is_action(self.version, action)
            raise CallRefused(ErrorCode.NOT_SUPPORTED if known else ErrorCode.NOT_IMPLEMENTED)
        schemas = self._schemas.get(action)
        if schemas is None:
            schemas = self._schemas[action] = schemas_of(self.version, action)
        check(schemas.request, call.payload, relaxed)
        result = await answerer(station, call.payload)
        if (result or action not in self._may_be_empty) and type(call) is Call:
            self._check_own(action, schemas, result)
        return result

    def _check_own(self, action: str, schemas: Schemas, result: Payload) -> None:
        try:
            check(schemas.response, result)
        except CallRefused as invalid:  # ours, so that the other side is not to blame
            raise InvalidAnswer(f"{action}: {invalid.description}") from invalid
        if not result:
            self._may_be_empty.add(action)


class InvalidAnswer(Exception):
    """An answer of our own is not what OCPP allows; it is not sent."""
