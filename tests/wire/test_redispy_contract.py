"""What `_redispy.py` takes from redis-py and hiredis without being promised it."""

import inspect
from importlib.metadata import version
from typing import Any

import hiredis
import pytest
import redis
from redis._parsers.base import BaseParser
from redis._parsers.response_callbacks import get_response_callbacks
from redis.client import EMPTY_RESPONSE, NEVER_DECODE, CaseInsensitiveDict
from redis.commands import AsyncCoreCommands

from kiq_trio._wire import _redispy
from kiq_trio._wire.client import Redis
from kiq_trio._wire.pipelining import Pipeline, Sender
from kiq_trio._wire.routing import _BLOCKING, _REFUSED

TEXT, BYTES = True, False


def test_redispy_is_of_the_major_version_that_was_read() -> None:
    assert version("redis").startswith("8.")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NOSCRIPT No matching script.", redis.exceptions.NoScriptError),
        ("READONLY You can't write", redis.exceptions.ReadOnlyError),
        ("MASTERDOWN Link with MASTER is down", redis.exceptions.MasterDownError),
        ("LOADING Redis is loading", redis.exceptions.BusyLoadingError),
        ("WRONGPASS invalid pair", redis.exceptions.AuthenticationError),
        ("NOAUTH Authentication required.", redis.exceptions.AuthenticationError),
        ("NOPERM no permission", redis.exceptions.NoPermissionError),
        ("EXECABORT discarded", redis.exceptions.ExecAbortError),
        ("OOM command not allowed", redis.exceptions.OutOfMemoryError),
        ("WRONGTYPE Operation", redis.exceptions.ResponseError),
    ],
)
def test_error_replies_become_exactly_these_classes(text: str, kind: type) -> None:
    # Exactly: `send` looks for NoScriptError by its type alone.
    assert type(_redispy.parse_error(text)) is kind
    assert inspect.signature(BaseParser.parse_error).parameters.keys() == {"response"}


def test_authentication_and_loading_are_connection_errors() -> None:
    for kind in (
        redis.exceptions.AuthenticationError,
        redis.exceptions.BusyLoadingError,
    ):
        assert issubclass(kind, redis.exceptions.ConnectionError)


def test_a_timeout_is_not_a_connection_error() -> None:
    assert not issubclass(
        redis.exceptions.TimeoutError, redis.exceptions.ConnectionError
    )


def test_callbacks_are_chosen_by_protocol_and_found_in_any_case() -> None:
    two, three = (
        get_response_callbacks(protocol, legacy_responses=False) for protocol in (2, 3)
    )

    assert "HGETALL" in two
    assert "CONFIG GET" in three
    assert "config get" in CaseInsensitiveDict(three)  # type: ignore[arg-type]
    assert (EMPTY_RESPONSE, NEVER_DECODE) == ("EMPTY_RESPONSE", "NEVER_DECODE")


def test_commands_call_nothing_but_execute_command() -> None:
    class Spy(_redispy.Commands):
        def execute_command(self, *args: object, **options: object) -> object:
            return args, options

    spy: Any = Spy()
    assert spy.get("a") == (("GET", "a"), {"keys": ["a"]})
    assert spy.config_get("port") == (("CONFIG GET", "port"), {})


def test_none_of_our_names_hides_a_command_by_accident() -> None:
    ours = {
        name
        for kind in (Redis, Pipeline, Sender)
        for name, value in vars(kind).items()
        if not name.startswith("_") and inspect.isroutine(value)
    }

    hidden = {name for name in ours if hasattr(AsyncCoreCommands, name)}

    assert hidden == {"execute_command", "register_script"}


@pytest.mark.parametrize(
    "part",
    [True, None, [], {}, object(), "\ud800"],
    ids=lambda part: type(part).__name__,
)
def test_what_redis_does_not_know_is_refused(part: object) -> None:
    with pytest.raises(redis.exceptions.DataError, match="SET"):
        _redispy.pack(("SET", part))  # type: ignore[arg-type]


def test_a_command_without_a_name_is_refused() -> None:
    with pytest.raises(redis.exceptions.DataError, match="needs a name"):
        _redispy.pack(())


def test_the_refusal_does_not_tell_the_data() -> None:
    with pytest.raises(redis.exceptions.DataError) as caught:
        _redispy.pack(("SET", "secret", None))  # type: ignore[arg-type]

    assert "secret" not in str(caught.value)


def test_commands_are_packed_as_resp() -> None:
    assert _redispy.pack(("SET", b"a", "é", 1, 0.5)) == (
        b"*5\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\n\xc3\xa9\r\n$1\r\n1\r\n$3\r\n0.5\r\n"
    )
    assert _redispy.split_name(("CONFIG GET", bytearray(b"a"))) == (
        "CONFIG",
        "GET",
        b"a",
    )


def test_hiredis_stays_in_step_after_text_that_is_none() -> None:
    reader = _redispy.make_reader(_redispy.parse_error)
    reader.feed(b"*2\r\n$1\r\n\xff\r\n$1\r\n\xfe\r\n+next\r\n")

    with pytest.raises(UnicodeDecodeError):
        reader.gets(TEXT)
    assert reader.gets(TEXT) == "next"
    assert reader.gets(TEXT) is _redispy.INCOMPLETE


def test_hiredis_tells_pushes_from_lists() -> None:
    reader = _redispy.make_reader(_redispy.parse_error)
    reader.feed(b">1\r\n+a\r\n*1\r\n+a\r\n")

    assert type(reader.gets(BYTES)) is hiredis.PushNotification
    assert type(reader.gets(BYTES)) is list


def test_hiredis_never_recovers_from_nonsense() -> None:
    reader = _redispy.make_reader(_redispy.parse_error)
    reader.feed(b"?\r\n+OK\r\n")

    for _ in range(2):
        with pytest.raises(_redispy.NONSENSE):
            reader.gets(BYTES)


def test_every_command_that_redispy_may_block_on_is_routed() -> None:
    # A new blocking command of redis-py should be noticed here.
    names = {name.upper() for name in dir(AsyncCoreCommands) if name[0] == "b"}

    blocking = {name for name in names if not name.startswith(("BG", "BIT"))}

    assert blocking <= _BLOCKING.keys() | _REFUSED.keys()
