"""From a CALL to whoever answers it, and nothing that the schemas do not allow, in or out."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Generic, TypeVar

from partners.ocpp.errors import CallRefused, ErrorCode
from partners.ocpp.frames import Call, Send
from partners.ocpp.payloads import Relaxation, check_call, check_result, compile_all, is_action
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

    def warm_up(self) -> None:
        """Compile the schemas of everything that is offered."""
        compile_all(self.version, self._answerers.keys())

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
        check_call(self.version, action, call.payload, relaxed)
        result = await answerer(station, call.payload)
        if type(call) is Call:
            self._check_own(action, result)
        return result

    def _check_own(self, action: str, result: Payload) -> None:
        try:
            check_result(self.version, action, result)
        except CallRefused as invalid:  # ours, so that the other side is not to blame
            raise InvalidAnswer(f"{action}: {invalid.description}") from invalid


class InvalidAnswer(Exception):
    """An answer of our own is not what OCPP allows; it is not sent."""
