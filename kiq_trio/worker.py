"""A function that performs a class of jobs."""

import functools
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, ParamSpec, Self, TypeVar

import attrs

from kiq_trio import encoder
from kiq_trio._faults import is_class_name
from kiq_trio._hints import Takers, read_hints
from kiq_trio.converter import CONVERTER, plain_args
from kiq_trio.crontab import Crontab
from kiq_trio.errors import ConfigError
from kiq_trio.job import Job, revise
from kiq_trio.options import OF_THE_WORKER, Options, make_options, payload_fields
from kiq_trio.unique import make_token

P = ParamSpec("P")
R = TypeVar("R")

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


_NAME = re.compile(r"[!-~]+")
"""What has one spelling only, so that no two names look alike."""

_MOST_FITTING = 100
"""So many kinds of arguments a worker remembers: those of a job may be any."""


class FunctionWorker(Generic[P, R]):
    """A function that performs a class of jobs; made by the decorator `worker`.

    Calling it runs the function here and now, as if it were not decorated.

    Attributes:
        name: the class name its jobs carry.
        function: what performs them.
        options: how.
        is_async: whether it runs in Trio's loop; otherwise it gets a thread.
        periodics: when it runs by itself, and how; put there by `periodic`.
    """

    def __init__(
        self, function: Callable[P, R], *, name: str, options: Options
    ) -> None:
        if not (_NAME.fullmatch(name) and is_class_name(name)):
            # Sidekiq's UI does not escape it, and splits it (wire.md §8.3).
            raise ConfigError(
                "the name of a worker must be without < > | / and spaces, in ASCII, "
                f"got {name!r}"
            )
        # First, for it brings along whatever attributes the function has.
        functools.update_wrapper(self, function)
        self.name = name
        self.function = function
        self.options = options
        self.is_async = _is_async(function, name)
        self.periodics: tuple[tuple[Crontab, Mapping[str, Any]], ...] = ()
        self._signature = _positional_signature(function, name)
        self._arity = _arity(self._signature)
        self._converter = options.converter or CONVERTER
        self._hinted: Callable[..., Any] = function
        self._takers: Takers | None = None
        self._fitting: set[tuple[type, ...]] = set()
        # Shared by all jobs of this worker, so it must not change.
        self._fields = MappingProxyType(payload_fields(options))
        self._path = f"{name}: args"
        self._blank = Job(
            job_class=name, queue=options.queue, retry=options.retry, rest=self._fields
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function itself."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Worker {self.name}>"

    def new(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Make a job that calls this worker with these arguments.

        Keyword arguments are bound to their positions, since the arguments of a
        job are an array.

        Raises:
            TypeError: the worker does not take such arguments.
            EncodeError: one holds what JSON cannot say, and no hook makes it so, or
                a hook fails at it; it names the worker and the place.
        """
        # Binding costs as much as all the rest, and is for names and for mistakes.
        is_plain = not kwargs and len(args) in self._arity
        bound = args if is_plain else self._bind(args, kwargs)
        plain = list(plain_args(bound, self._converter, self._path))
        if self.options.unique_key is None:
            return revise(self._blank, args=plain)
        return revise(self._blank, args=plain, rest=self._key(bound))

    def _key(self, args: tuple[Any, ...]) -> Mapping[str, Any]:
        """Return the fields of a job whose worker says what makes it unique."""
        assert self.options.unique_key is not None
        key = self.options.unique_key(*args)
        path = f"{self.name}: unique_key"
        [key] = plain_args([key], self._converter, path)
        encoder.check(key, path)
        return {
            **self._fields,
            "unique_token": make_token(self.name, self.options.queue, key),
        }

    def _bind(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}.new(): {error}") from None
        if kwargs:
            bound.apply_defaults()
        return bound.args

    def take(self, args: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments of a job as the worker's type hints want them.

        Raises:
            ArgumentError: one does not fit its hint.
        """
        # Nearly always they are text and numbers, and of kinds that were seen before.
        kinds = tuple(map(type, args))
        if kinds in self._fitting:
            return args
        if self._takers is None:
            # Only now: a hint may speak of what was defined after the worker.
            self._takers = read_hints(
                self._hinted,
                self._signature,
                worker=self.name,
                converter=self._converter,
            )
        if not self._takers.fit(kinds):
            return self._takers.take(args)
        if len(self._fitting) < _MOST_FITTING:
            self._fitting.add(kinds)
        return args

    def set(self, **options: Any) -> Self:
        """Return this worker with other options, for one job or several.

        Raises:
            ConfigError: an option is unknown, its value not allowed, or it does
                not travel with a job, as `timeout`.
        """
        for name in options:
            if name in OF_THE_WORKER:
                raise ConfigError(
                    f"{name} cannot be set for one job: it belongs to the worker "
                    f"{self.name}, wherever that runs"
                )
        made = type(self)(
            self.function,
            name=self.name,
            options=make_options(
                {**attrs.asdict(self.options, recurse=False), **options}
            ),
        )
        made.periodics = self.periodics
        return made


def worker(
    *misplaced: object, name: str | None = None, **options: Any
) -> Callable[[Callable[P, R]], FunctionWorker[P, R]]:
    """Make a worker of a function: `@worker(queue="events", retry=10)`.

    An async function runs in Trio's loop, in a cancel scope of its own if it has
    a timeout. A plain function runs in a thread; it cannot be cancelled, but may
    look at `trio.from_thread.check_cancelled()`.

    Args:
        *misplaced: nothing; it catches a decorator without its parentheses.
        name: the class name of its jobs, the function's own by default. Give one
            to be found by Ruby: `name="Billing::InvoiceJob"`.
        **options: see `kiq_trio.options.Options`.

    Raises:
        ConfigError: an option is unknown or its value not allowed.
    """
    if misplaced:
        raise ConfigError("write @worker() with parentheses, with or without options")
    made = make_options(options)

    def decorate(function: Callable[P, R]) -> FunctionWorker[P, R]:
        known = name or getattr(function, "__name__", None)
        if known is None:
            raise ConfigError(f"{function!r} has no name: give one, @worker(name=...)")
        return FunctionWorker(function, name=known, options=made)

    return decorate


AnyWorker = FunctionWorker[..., Any] | FunctionWorker[..., Awaitable[Any]]


def _is_async(function: Callable[..., Any], name: str) -> bool:
    """Whether calling *function* gives something to await."""
    # A plain wrapper of an async function is called, and what comes back awaited.
    inner = inspect.unwrap(function)
    if not inspect.isroutine(inner) and not isinstance(inner, functools.partial):
        inner = type(inner).__call__
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise ConfigError(
            f"worker {name} is a generator: it would be called, and never run"
        )
    return inspect.iscoroutinefunction(inner)


def _arity(signature: inspect.Signature) -> range:
    """Return how many arguments may be given by position."""
    parameters = signature.parameters.values()
    needed = [one for one in parameters if one.default is one.empty]
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return range(len(needed) - 1, sys.maxsize)
    return range(len(needed), len(parameters) + 1)


def _positional_signature(function: Callable[..., Any], name: str) -> inspect.Signature:
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind not in _POSITIONAL:
            raise ConfigError(
                f"worker {name}: {parameter} cannot be given by position, "
                "and the arguments of a job are an array"
            )
    return signature
