"""What a client is to do, one step after the other, without saying how.

A generator yields a command to be run, and is sent its reply, or the exception that
came instead; or it yields a pause, and is sent None once that is over. So one text
serves those who block and those who await.
"""

import ssl
from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

from redis.exceptions import AuthenticationError, NoScriptError

from kiq_trio._clients.patience import Patience, Pause
from kiq_trio._store.doubt import is_back_pressure, is_worth_retrying
from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._wire.slot import Command
from kiq_trio._wire.supervisor import OUTAGES

T = TypeVar("T")

Step: TypeAlias = Command | Pause
Steps: TypeAlias = Generator[Step, Any, T]

_SOURCES = {script.sha: script.source for script in SCRIPTS}


def ask(command: Command) -> Steps[Any]:
    """Run *command*, in full if Redis has forgotten the script; return its reply."""
    reply = yield command
    if isinstance(reply, NoScriptError):
        _, sha, *rest = command
        reply = yield ("EVAL", _SOURCES[str(sha)], *rest)
    return reply


def insist(command: Command, patience: Patience) -> Steps[Any]:
    """Run *command*, which may be repeated, until Redis has answered it.

    Raises:
        redis.exceptions.RedisError: the last error, if *patience* is at its end, or
            if trying again cannot help.
    """
    while True:
        reply = yield from ask(command)
        if not isinstance(reply, Exception):
            return reply
        pause = patience.next_pause() if may_pass(reply) else None
        if pause is None:
            raise reply
        yield pause


def may_pass(error: Exception) -> bool:
    """Whether the same command may do better later."""
    # redis-py takes a wrong password for a lost connection.
    if isinstance(error, AuthenticationError) or is_distrust(error):
        return False
    is_outage = isinstance(error, OUTAGES)
    return is_outage or is_worth_retrying(error) or is_back_pressure(error)


def is_distrust(error: Exception) -> bool:
    """Whether we do not trust the server's certificate: it was sent nothing."""
    # redis-py says it in no other way.
    return isinstance(error.__context__, ssl.SSLCertVerificationError)
