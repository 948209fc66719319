"""Every way in which OCPI says no, as one tree.

OcpiError                         HTTP  OCPI
├── ClientError                    200  2000   the request is wrong
│   ├── InvalidParameters          200  2001   a field or parameter is wrong or missing
│   ├── NotEnoughInformation       200  2002
│   ├── UnknownLocation            200  2003
│   ├── HeadIsNotHttp              400  2000
│   ├── BodyIsNotJson              400  2001
│   ├── BodyIsNotWhole             400  2001
│   ├── NotAuthenticated           401  2000
│   ├── NotAllowed                 403  2000
│   ├── NotFound                   404  2001
│   │   ├── LocationNotFound       404  2003
│   │   └── TokenNotFound          404  2004
│   ├── MethodNotAllowed           405  2000
│   ├── BodyTooSlow                408  2000
│   ├── BodyTooLarge               413  2000
│   ├── UnknownExpectation         417  2000
│   └── TooManyRequests            429  2000
├── ServerError                    200  3000   the server cannot do its part
│   ├── InternalError              500  3000
│   ├── UnusableClientApi          200  3001
│   ├── UnsupportedVersion         200  3002
│   └── MissingEndpoints           200  3003
└── RoutingError                   200  4000   only a hub says so
    ├── ReceiverBusy               429  4000
    ├── UnknownReceiver            200  4001
    ├── ReceiverTimedOut           200  4002
    └── ReceiverNotConnected       200  4003

Sources: 2.2.1, Status codes; Transport and format; checklist TR-02, TR-12 to TR-16, ST-01 to ST-14.
"""

from typing import ClassVar


class OcpiError(Exception):
    """A refusal, with the HTTP status and the OCPI status code that say it on the wire."""

    http_status: ClassVar[int] = 200
    status_code: ClassVar[int] = 2000

    def __init__(
        self,
        message: str | None = None,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        rows: tuple[str, ...] = (),
    ) -> None:
        self.message = message or (self.__doc__ or "").split("\n", maxsplit=1)[0]
        self.headers = headers
        #: The rows of the conformance checklist that want it so, where routing says no.
        self.rows = rows
        super().__init__(self.message)


class ClientError(OcpiError):
    """The request cannot be served as it is."""


class InvalidParameters(ClientError):
    """Invalid or missing parameters."""

    status_code = 2001


class NotEnoughInformation(ClientError):
    """Not enough information to decide."""

    status_code = 2002


class UnknownLocation(ClientError):
    """Unknown location."""

    status_code = 2003


class HeadIsNotHttp(ClientError):
    """The request cannot be read: its head is not HTTP, or larger than this server accepts."""

    http_status = 400


class BodyIsNotJson(ClientError):
    """The body is not JSON."""

    http_status = 400
    status_code = 2001


class BodyIsNotWhole(ClientError):
    """The body cannot be read to its end."""

    http_status = 400
    status_code = 2001


class NotAuthenticated(ClientError):
    """A valid credentials token is required in the Authorization header."""

    http_status = 401


class NotAllowed(ClientError):
    """The platform is suspended at this hub."""

    http_status = 403


class NotFound(ClientError):
    """No such object."""

    http_status = 404
    status_code = 2001


class LocationNotFound(NotFound):
    """Unknown location."""

    status_code = 2003


class TokenNotFound(NotFound):
    """Unknown token."""

    status_code = 2004


class MethodNotAllowed(ClientError):
    """This resource does not have that method."""

    http_status = 405


class BodyTooSlow(ClientError):
    """The body did not arrive in time."""

    http_status = 408


class BodyTooLarge(ClientError):
    """The body is larger than this server accepts."""

    http_status = 413


class UnknownExpectation(ClientError):
    """The header Expect asks for something that is not known here."""

    http_status = 417


class TooManyRequests(ClientError):
    """Too many requests."""

    http_status = 429


class ServerError(OcpiError):
    """The server could not do its part."""

    status_code = 3000


class InternalError(ServerError):
    """This server failed; its operator finds the cause in its log by the correlation id."""

    http_status = 500


class UnusableClientApi(ServerError):
    """Unable to use the client's API."""

    status_code = 3001


class UnsupportedVersion(ServerError):
    """No version in common."""

    status_code = 3002


class MissingEndpoints(ServerError):
    """Endpoints that are needed are missing."""

    status_code = 3003


class RoutingError(OcpiError):
    """The hub could not route the request."""

    status_code = 4000


class ReceiverBusy(RoutingError):
    """The receiver has asked for fewer requests."""

    http_status = 429


class UnknownReceiver(RoutingError):
    """The receiver is not known to this hub."""

    status_code = 4001


class ReceiverTimedOut(RoutingError):
    """The receiver did not answer in time."""

    status_code = 4002


class ReceiverNotConnected(RoutingError):
    """The receiver is not connected."""

    status_code = 4003
