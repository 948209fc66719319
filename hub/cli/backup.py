"""`ocpi-hub backup` and `ocpi-hub restore`: all that a hub keeps, in one file, and back."""

import asyncio
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from hub.cli.asking import JsonOption, data_directory, data_option, database_option, failing_in_words
from hub.cli.connection import CommandFailed
from hub.cli.words import say, write_json
from hub.ocpi.timestamps import format_timestamp, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.store.backup import Contents

#: The file beside the database without which its tokens cannot be opened.
_KEY_FILE = "secret.key"

DataOption = Annotated[Path | None, data_option("The hub's data directory.")]
DatabaseOption = Annotated[
    str | None, database_option("The hub's database, if it is not the SQLite file in the data directory.")
]


class NotDone(CommandFailed):
    """A backup could not be made or used."""


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not be there yet.")],
    *,
    data: DataOption = None,
    database: DatabaseOption = None,
    journal: Annotated[
        bool, typer.Option("--journal/--no-journal", help="Whether the journal goes along: most of the size.")
    ] = True,
    key: Annotated[
        bool, typer.Option("--key/--no-key", help="Whether the key that opens the tokens goes along.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Write all that a hub keeps into a file, while it runs.

    The file shows one moment. With the key in it, whoever has the file can
    speak for the hub: keep it as you keep passwords.

    For example:

        ocpi-hub backup --data /var/lib/ocpi-hub /backup/hub-monday.gz
    """
    with failing_in_words():
        place = data_directory(context, data)
        files = _key_in(place) if key else {}
        _show(
            asyncio.run(_backup(_url(place, database), file, files, journal=journal)), file, as_json=as_json
        )


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    *,
    data: DataOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill the empty database of a new hub from a backup; all of it, or nothing.

    The database may be of another kind than the one that the backup came
    from: this is also the way from SQLite to PostgreSQL. Start the hub when it
    is done, and never two hubs from one backup.

    For example:

        ocpi-hub restore /backup/hub-monday.gz --data /var/lib/ocpi-hub
    """
    with failing_in_words():
        place = data_directory(context, data)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        _show(asyncio.run(_restored(_url(place, database), file, place)), file, as_json=as_json)


def _url(place: Path, database: str | None) -> str:
    from hub.settings import Settings  # noqa: PLC0415 the other commands shall not wait for it

    return Settings(data=place, database=database).database_url


async def _backup(url: str, file: Path, files: dict[str, str], *, journal: bool) -> "Contents":
    from hub.store.backup import write_backup  # noqa: PLC0415 the other commands shall not wait for it
    from hub.store.database import DatabaseNotThere, UnsupportedDatabase, opened  # noqa: PLC0415

    try:
        async with opened(url, as_it_is=True) as database:
            with _new_file(file) as to:
                return await write_backup(database, to, made_at=utc_now(), files=files, journal=journal)
    except (UnsupportedDatabase, DatabaseNotThere, OSError) as error:
        raise NotDone(str(error)) from error


async def _restored(url: str, file: Path, place: Path) -> "Contents":
    from hub.store.backup import NotEmpty, UnusableBackup, contents_of, restore  # noqa: PLC0415
    from hub.store.database import DatabaseNotThere, UnsupportedDatabase, opened  # noqa: PLC0415

    try:
        _keep_key(place, contents_of(file).files.get(_KEY_FILE))
        async with opened(url) as database:
            return await restore(database, file)
    except UnusableBackup as error:
        raise NotDone(f"{file}: {error}") from error
    except (NotEmpty, UnsupportedDatabase, DatabaseNotThere, OSError) as error:
        raise NotDone(str(error)) from error


def _key_in(place: Path) -> dict[str, str]:
    with suppress(FileNotFoundError):  # it may be in the environment, where it is somebody else's to keep
        return {_KEY_FILE: (place / _KEY_FILE).read_text()}
    return {}


def _keep_key(place: Path, key: str | None) -> None:
    path = place / _KEY_FILE
    if key is None:
        return
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(key)
    elif path.read_text().strip() != key.strip():
        raise NotDone(f"{path} is another key than that of the backup; expected none, or the same")


@contextmanager
def _new_file(file: Path) -> "Iterator[BinaryIO]":
    """A file for its owner's eyes only, which is there whole or not at all."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        try:
            yield made
            made.flush()
            os.fsync(made.fileno())
        except BaseException:
            file.unlink()
            raise


def _show(contents: "Contents", file: Path, *, as_json: bool) -> None:
    if as_json:
        made_at = format_timestamp(contents.made_at)
        write_json({"file": str(file), "made_at": made_at, "rows": contents.rows, "key": _has_key(contents)})
        return
    key = "with the key" if _has_key(contents) else "WITHOUT the key: keep that, too"
    say(f"{file}: {sum(contents.rows.values())} rows of {format_timestamp(contents.made_at)}, {key}")


def _has_key(contents: "Contents") -> bool:
    return _KEY_FILE in contents.files
