"""The only place that knows redis-py's private names.

`tests/wire/test_redispy_contract.py` pins what we rely on, so that a release of
redis-py that moves something fails there, with a name, and not in the field.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, cast

import hiredis
from redis._parsers.base import BaseParser
from redis._parsers.response_callbacks import get_response_callbacks
from redis.client import EMPTY_RESPONSE, NEVER_DECODE, CaseInsensitiveDict
from redis.commands import AsyncCoreCommands
from redis.connection import parse_url as _parse_url
from redis.exceptions import DataError

from kiq_trio._wire.slot import Argument, Command

Callbacks = Mapping[str, Callable[..., Any]]


class Reader(Protocol):
    """What we use of `hiredis.Reader`."""

    def feed(self, data: bytes, /) -> None:
        """Take bytes as they come from the line."""

    def gets(self, decode: bool, /) -> Any:  # noqa: FBT001 - a C signature.
        """Return the next reply, or `INCOMPLETE`."""


class Commands(AsyncCoreCommands):
    """redis-py's typed commands; all they need is `execute_command`."""

    _is_async_client: Literal[True] = True
    # Asked for by redis-py's protocol, but not by any of its commands.
    _event_dispatcher: Any = None


INCOMPLETE = object()
Push: type = hiredis.PushNotification

# hiredis raises TypeError for a map it cannot make a dict of, MemoryError for an array
# that claims to be larger than any; either has then lost its place.
NONSENSE = (hiredis.ProtocolError, TypeError, MemoryError, UnicodeDecodeError)
"""What the parser raises for what is no reply."""


def make_reader(on_error: Callable[[str], Exception]) -> Reader:
    """Return a parser whose error replies are made by *on_error*."""
    reader = hiredis.Reader(
        encoding="utf-8", notEnoughData=INCOMPLETE, replyError=on_error
    )
    return cast("Reader", reader)


def parse_error(text: str) -> Exception:
    """Return an error reply as redis-py's exception for it."""
    error: Exception = BaseParser.parse_error(text)  # type: ignore[no-untyped-call]
    return error


def make_callbacks(protocol: int) -> Callbacks:
    """Return what turns replies into redis-py's types, alike for both protocols."""
    callbacks = get_response_callbacks(protocol, legacy_responses=False)
    return cast("Callbacks", CaseInsensitiveDict(cast("Any", callbacks)))


def parse_reply(
    callbacks: Callbacks, name: str, reply: Any, options: dict[str, Any]
) -> Any:
    """Return *reply* to the command *name* as redis-py would.

    Raises:
        redis.exceptions.RedisError: the reply is one.
    """
    if isinstance(reply, Exception):
        if EMPTY_RESPONSE in options:
            return options[EMPTY_RESPONSE]
        raise reply
    callback = callbacks.get(name)
    if callback is None:
        return reply
    for private in (EMPTY_RESPONSE, NEVER_DECODE, "keys"):
        options.pop(private, None)
    return callback(reply, **options)


def wants_bytes(options: dict[str, Any]) -> bool:
    """Whether the command's reply is not text, as that of DUMP."""
    return NEVER_DECODE in options


# Its stub asks for a tuple of one kind.
_pack = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)


def pack(command: Command) -> bytes:
    """Return *command* as RESP.

    Raises:
        redis.exceptions.DataError: an argument is not bytes, str, int or float.
    """
    if not command:
        # Redis would say nothing to it, and all later replies be taken for another's.
        raise DataError("a command needs a name")
    try:
        return _pack(tuple(command))
    except (TypeError, UnicodeEncodeError) as error:
        raise DataError(f"{_describe(command)}: {error}") from error


def _describe(command: Command) -> str:
    # Arguments are users' data: their types are enough to find the mistake.
    kinds = ", ".join(type(argument).__name__ for argument in command[1:])
    return f"{command[0]!r} ({kinds})"


def split_name(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return *args* as they go onto the line: `"CONFIG GET"` is two of them."""
    name = args[0]
    if isinstance(name, str) and " " in name:
        args = (*name.split(), *args[1:])
    return tuple(
        bytes(each) if type(each) in (bytearray, memoryview) else each for each in args
    )


def parse_url(url: str) -> dict[str, Any]:
    """Return the options that redis-py reads from *url*.

    Raises:
        ValueError: it is not a URL of Redis.
    """
    options: dict[str, Any] = _parse_url(url)  # type: ignore[no-untyped-call]
    options.pop("connection_class", None)
    return options
