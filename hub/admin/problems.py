"""Every way in which the administration API says no, as one tree; answered as problem details (RFC 9457).

Problem                  HTTP
├── WrongInput            400   a parameter or a field of the body; `errors` names each
├── KeyRequired           401   no administration key, or a wrong one
├── Unknown               404   there is no such thing
├── MethodUnknown         405   the path has no such method
├── Conflict              409   it cannot be done in this state
└── PartnerFailed         502   the partner did not do its part
"""

from typing import ClassVar, NamedTuple

from aiohttp import web

from schemas import exact_json

CONTENT_TYPE = "application/problem+json"


class FieldError(NamedTuple):
    """What is wrong with one field."""

    #: The name of the parameter, or the path to the field: `roles.0.party_id`.
    field: str
    message: str


class Problem(Exception):
    """The administration API cannot do what was asked."""

    status: ClassVar[int] = 500

    def __init__(
        self, detail: str, *, headers: tuple[tuple[str, str], ...] = (), correlation_id: str | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers
        #: Under which the journal tells more.
        self.correlation_id = correlation_id
        self.errors: tuple[FieldError, ...] = ()


class WrongInput(Problem):
    """A parameter or the body is wrong."""

    status = 400

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


class KeyRequired(Problem):
    """The administration key is required."""

    status = 401


class Unknown(Problem):
    """There is no such thing."""

    status = 404


class MethodUnknown(Problem):
    """The path has no such method."""

    status = 405


class Conflict(Problem):
    """It cannot be done as things are."""

    status = 409


class PartnerFailed(Problem):
    """The partner did not do its part."""

    status = 502


def response(problem: Problem) -> web.Response:
    """The problem as an answer."""
    title = (type(problem).__doc__ or "").removesuffix(".")
    body = {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail}
    if problem.correlation_id is not None:
        body["correlation_id"] = problem.correlation_id
    if problem.errors:
        body["errors"] = [error._asdict() for error in problem.errors]
    return web.Response(
        status=problem.status,
        body=exact_json.encode(body),
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )
