"""The way to a hub: where its administration API is, the key to it, one request with its answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from schemas import exact_json

#: Handshakes ask a partner several times; this is longer than the hub waits for all of them.
PATIENCE = aiohttp.ClientTimeout(total=180, connect=10)
KEY_FILE = "admin.key"
_UNAUTHORIZED = 401
_WRONG_INPUT = 400


class CommandFailed(Exception):
    """A command ends here; its message goes to standard error, its code to the shell.

    CommandFailed            exit code
    ├── NoKey                2  there is no key to show
    ├── NotReached           1  no hub answers there
    ├── Refused              1  the hub said no, or could not
    └── WrongArguments       2  the hub did not understand an argument
    """

    exit_code = 1


class NoKey(CommandFailed):
    """There is no key to show to the hub."""

    exit_code = 2


class NotReached(CommandFailed):
    """The administration API does not answer."""


class Refused(CommandFailed):
    """The hub did not do what it was asked."""


class WrongArguments(CommandFailed):
    """The hub does not take an argument as it is."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class HubConnection:
    """A hub's administration API."""

    url: str
    key: str = field(repr=False)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """What the hub answers to a question; parameters that are None are left out."""
        return self._asked("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the hub answers when it is told to do something."""
        return self._asked("POST", path, body=body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the hub answers when something shall be otherwise."""
        return self._asked("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """What the hub answers when something shall go."""
        return self._asked("DELETE", path)

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            status, content = asyncio.run(self._exchange(method, path, query, body))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(
                f"no hub answers at {self.url} ({_reason(error)}). Is it running, and is this its "
                "administration address? See --url."
            ) from error
        return self._read(status, content)

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> tuple[int, bytes]:
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = b"" if body is None else exact_json.encode(body)
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.request(
                method,
                f"{self.url.rstrip('/')}/admin/v1{path}",
                params=given,
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as response,
        ):
            return response.status, await response.read()

    def _read(self, status: int, content: bytes) -> Any:
        try:
            answer = exact_json.decode(content)
        except exact_json.NotJson as error:
            raise Refused(
                f"{self.url} answered HTTP {status} without JSON: is this the hub's administration address?"
            ) from error
        if status < _WRONG_INPUT:
            return answer
        detail = answer.get("detail") if isinstance(answer, dict) else None
        message = str(detail or f"HTTP {status}")
        if status == _UNAUTHORIZED:
            raise Refused(f"the hub at {self.url} does not accept the key. See --key and --data.")
        if isinstance(answer, dict) and answer.get("correlation_id"):
            message += f"\nSee each step: ocpi-hub trace {answer['correlation_id']}"
        raise (WrongArguments if status == _WRONG_INPUT else Refused)(message)


def found_key(key: str | None, data: Path) -> str:
    """The key that was given, or that of the data directory.

    Raises:
        NoKey: there is none.
    """
    if key is not None:
        return key.strip()
    path = data / KEY_FILE
    try:
        return path.read_text().strip()
    except OSError as error:
        raise NoKey(
            f"no administration key: give --key, set OCPI_HUB_ADMIN_KEY, or name the hub's data directory "
            f"with --data (there is no readable {path})"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
