"""What a command that talks to Redis is given: the connection, and how to answer."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar

import attrs

from kiq_trio._wire.client import Redis
from kiq_trio._wire.seam import Server
from kiq_trio.cli.answering import Sheet, print_json, print_sheet
from kiq_trio.cli.connecting import (
    TIMEOUT,
    AsJson,
    Patience,
    RedisUrl,
    Timeout,
    ask,
    attend,
    work,
)
from kiq_trio.cli.ending import FAILED, fail, print_warning

T = TypeVar("T")


@attrs.frozen
class Link:
    """How a command reaches Redis, and whoever has called it.

    Attributes:
        url: which Redis; None is the one of the environment.
        timeout: seconds that an answer may take.
        as_json: answer programs, not people.
    """

    url: str | None
    timeout: float
    as_json: bool

    def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T:
        """Return the answer to *question*, or end the command with a sentence."""
        return ask(question, self.url, self.timeout, as_json=self.as_json)

    def work(
        self,
        deed: Callable[[Redis, Patience], Awaitable[T]],
        *,
        so_far: Callable[[], str] = str,
    ) -> T:
        """Do what may take long; see `connecting.work`."""
        return work(deed, self.url, self.timeout, as_json=self.as_json, so_far=so_far)

    def attend(self, deed: Callable[[Server, Patience], Awaitable[T]]) -> T:
        """Do what makes connections of its own; see `connecting.attend`."""
        return attend(deed, self.url, self.timeout, as_json=self.as_json)

    def answer(self, fields: Mapping[str, Any], *shown: str | Sheet) -> None:
        """Print *fields* for programs, or what is *shown* to people."""
        if self.as_json:
            print_json(fields)
            return
        for one in shown:
            if isinstance(one, Sheet):
                print_sheet(one)
            else:
                print(one)

    def warn(self, sentence: str) -> None:
        """Say *sentence* on standard error, and go on."""
        print_warning(sentence, as_json=self.as_json)

    def fail(self, sentence: str, *, code: int = FAILED) -> NoReturn:
        """End the command with *sentence*."""
        fail(sentence, code=code, as_json=self.as_json)


def linked(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the options of all that talk to Redis, as its argument `link`."""

    @functools.wraps(command)
    def run(
        *, redis_url: str | None, timeout: float, as_json: bool, **given: Any
    ) -> None:
        command(link=Link(redis_url, timeout, as_json), **given)

    signature = inspect.signature(command)
    own = [one for one in signature.parameters.values() if one.name != "link"]
    parameters = [*own, *_SHARED]
    # Both are read by typer.
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # functions may carry one.
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _shared(name: str, annotation: Any, *, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


_SHARED = (
    _shared("redis_url", RedisUrl, default=None),
    _shared("as_json", AsJson, default=False),
    _shared("timeout", Timeout, default=TIMEOUT),
)
