"""Between aiohttp and the handlers: the key, the input as a checked value, the answer as JSON.

A handler takes the request and returns a pydantic model; whatever goes wrong it raises as a `Problem`.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from hub.admin.key import KEY_VARIABLE, shows_key
from hub.admin.problems import FieldError, KeyRequired, MethodUnknown, Problem, Unknown, WrongInput, response
from schemas import exact_json

#: All paths of this API stand below.
ROOT = "/admin/v1"


class Input(BaseModel):
    """What is asked, in a query or a body; unknown fields are refused, so that typing errors are found."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(BaseModel):
    """What is answered."""

    model_config = ConfigDict(frozen=True)


Handler = Callable[[web.Request], Awaitable[Output]]
#: Method, path below `ROOT`, handler.
Route = tuple[str, str, Handler]
Given = TypeVar("Given", bound=Input)

logger = logging.getLogger(__name__)


def guarded(key: str, routes: Sequence[Route]) -> list[web.RouteDef]:
    """The routes below `ROOT`: they need the key, and answer with JSON also when they fail."""
    found: dict[str, dict[str, Handler]] = {}
    for method, path, handler in routes:
        found.setdefault(path, {})[method] = handler
    for path, by_method in found.items():
        found[path] = {**by_method, "*": _refusing_method(tuple(by_method))}
    found["{rest:(/.*)?}"] = {"*": _refuse_path}
    return [
        web.route(method, ROOT + path, _guard(key, handler))
        for path, by_method in found.items()
        for method, handler in by_method.items()
    ]


def query_of(request: web.Request, model: type[Given]) -> Given:
    """The query string as a checked value.

    Raises:
        WrongInput: a parameter is wrong, unknown or given twice.
    """
    repeated = [name for name in request.query if len(request.query.getall(name)) > 1]
    if repeated:
        raise WrongInput(FieldError(repeated[0], "given more than once"))
    return _checked(model, dict(request.query))


async def body_of(request: web.Request, model: type[Given]) -> Given:
    """The JSON body as a checked value.

    Raises:
        WrongInput: it is not JSON, or a field is wrong, missing or unknown.
    """
    try:
        value = exact_json.decode(await request.read())
    except exact_json.NotJson as error:
        raise WrongInput(FieldError("body", f"expected JSON: {error}")) from error
    return _checked(model, value)


def _checked(model: type[Given], value: Any) -> Given:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise WrongInput(*(_named(each["loc"], each["msg"]) for each in error.errors())) from error


def _named(location: tuple[int | str, ...], message: str) -> FieldError:
    field = ".".join(str(part) for part in location) or "body"
    return FieldError(field, message.removeprefix("Value error, "))


def _guard(key: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            _check_key(request, key)
            return _json(await handler(request))
        except Problem as problem:
            return response(problem)
        except Exception:  # the edge where nothing may escape
            logger.exception("failed to answer %s %s", request.method, request.path)
            return response(Problem("the hub failed; its log says more"))

    return answer


def _check_key(request: web.Request, key: str) -> None:
    shown = request.headers.get("Authorization")
    if shows_key(shown, key):
        return
    found = "no key was shown" if shown is None else "the key that was shown is not the right one"
    raise KeyRequired(
        f"{found}: expected the header Authorization: Bearer <key>, with the key from the hub's data "
        f"directory (admin.key) or from {KEY_VARIABLE}",
        headers=(("WWW-Authenticate", "Bearer"),),
    )


def _json(output: Output) -> web.Response:
    body = exact_json.encode(output.model_dump(by_alias=True))
    return web.Response(body=body, content_type="application/json")


async def _refuse_path(request: web.Request) -> Output:
    raise Unknown(f"no such path: {request.path}")


def _refusing_method(methods: tuple[str, ...]) -> Handler:
    async def refuse(request: web.Request) -> Output:
        allowed = ", ".join(methods)
        raise MethodUnknown(
            f"{request.path} has {allowed}, not {request.method}", headers=(("Allow", allowed),)
        )

    return refuse
