"""What the type hints of a worker make of the arguments of its jobs."""

import functools
import inspect
import logging
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from cattrs import Converter, transform_error

from kiq_trio.converter import FITTING
from kiq_trio.errors import ArgumentError

logger = logging.getLogger("kiq_trio.worker")

_UNHINTED = (Any, object, inspect.Parameter.empty)
_PLAIN: dict[Any, frozenset[type]] = {
    **FITTING,
    list: frozenset({list}),
    list[Any]: frozenset({list}),
    dict: frozenset({dict}),
    dict[str, Any]: frozenset({dict}),
}


@attrs.frozen
class Taker:
    """Takes one argument.

    Attributes:
        name: what the worker calls it.
        hint: what it must be.
        kinds: what of JSON may pass as it is; None for everything.
        hook: what makes the rest of it; None if nothing can.
        is_optional: None is its default, so it may be None whatever its hint says.
    """

    name: str
    hint: Any
    kinds: frozenset[type] | None = None
    hook: Callable[[Any, Any], Any] | None = None
    is_optional: bool = False

    def passes(self, kind: type) -> bool:
        """Whether all values of a kind may pass as they are."""
        return self.kinds is None or kind in self.kinds

    def take(self, value: Any, worker: str) -> Any:
        """Return *value* as the worker wants it.

        Raises:
            ArgumentError: it cannot be.
        """
        if self.passes(type(value)):
            return value
        if value is None and self.is_optional:
            return None
        expected = inspect.formatannotation(self.hint)
        if self.hook is None:
            raise ArgumentError(worker, self.name, expected, f"got {value!r}")
        try:
            return self.hook(value, self.hint)
        except Exception as error:
            faults = "; ".join(transform_error(error, self.name, _explain))
            raise ArgumentError(worker, self.name, expected, faults) from error


_ANY = Taker("", Any)


@attrs.frozen
class Takers:
    """Takes the arguments of a worker's jobs.

    Attributes:
        worker: its name.
        each: by position.
        more: for those that a starred parameter takes.
    """

    worker: str
    each: Sequence[Taker]
    more: Taker | None = None

    def fit(self, kinds: Sequence[type]) -> bool:
        """Whether all arguments of such *kinds* may pass as they are."""
        takers = self._for(len(kinds))
        return all(
            taker.passes(kind) for taker, kind in zip(takers, kinds, strict=True)
        )

    def take(self, args: Sequence[Any]) -> Sequence[Any]:
        """Return *args*, which do not all fit, as the worker's hints want them.

        Raises:
            ArgumentError: one does not fit.
        """
        return [
            taker.take(value, self.worker)
            for taker, value in zip(self._for(len(args)), args, strict=True)
        ]

    def _for(self, count: int) -> Sequence[Taker]:
        # If there are too many, calling the worker says so.
        more = self.more or _ANY
        return [*self.each[:count], *[more] * (count - len(self.each))]


def _explain(error: BaseException, hint: Any) -> str:
    if isinstance(error, KeyError):
        return "required field missing"
    if hint is None:
        return str(error)
    return f"expected {inspect.formatannotation(hint)}, {error}"


def read_hints(
    function: Callable[..., Any],
    signature: inspect.Signature,
    *,
    worker: str,
    converter: Converter,
) -> Takers:
    """Return what takes the arguments of *function*.

    A hint that cannot be resolved, or that no hook knows, is no hint: its argument
    is passed as it is, which is logged.
    """
    hints = _resolve(function, worker)
    each: list[Taker] = []
    more = None
    for parameter in signature.parameters.values():
        hint = hints.get(parameter.name, Any)
        taker = _make_taker(parameter, hint, worker, converter)
        if parameter.kind is parameter.VAR_POSITIONAL:
            more = taker
        else:
            each.append(taker)
    return Takers(worker, each, more)


def _resolve(function: Callable[..., Any], worker: str) -> dict[str, Any]:
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except Exception as error:  # noqa: BLE001 - a hint is any expression.
        logger.warning(
            "the type hints of worker %s cannot be resolved (%s: %s): "
            "its arguments are passed as they are",
            worker,
            type(error).__name__,
            error,
        )
        return {}


def _make_taker(
    parameter: inspect.Parameter, hint: Any, worker: str, converter: Converter
) -> Taker:
    name = parameter.name
    if hint in _UNHINTED:
        return Taker(name, hint)
    kinds = _plain_kinds(hint)
    if kinds is not None:
        return Taker(name, hint, kinds, is_optional=parameter.default is None)
    try:
        hook = converter.get_structure_hook(hint)
    except Exception as error:  # noqa: BLE001 - a hint is any expression.
        logger.warning(
            "worker %s: no hook makes %s of JSON (%s: %s): "
            "the argument %s is passed as it is",
            worker,
            inspect.formatannotation(hint),
            type(error).__name__,
            error,
            name,
        )
        return Taker(name, hint)
    return Taker(name, hint, frozenset(), hook, parameter.default is None)


def _plain_kinds(hint: Any) -> frozenset[type] | None:
    """Return what of JSON fits *hint*, if nothing need be made of it."""
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        parts = [_plain_kinds(part) for part in typing.get_args(hint)]
        if None in parts:
            return None
        return frozenset().union(*(part for part in parts if part is not None))
    try:
        return _PLAIN.get(hint)
    except TypeError:
        # An unhashable part of an Annotated.
        return None
