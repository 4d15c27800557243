"""Objects of Python's and yours as JSON, and back again, by the hooks of cattrs.

JSON knows text, numbers, True, False, None, arrays and objects. What else an
argument holds becomes one of these: a dataclass or attrs class an object, a time
ISO 8601, a UUID or Decimal text, an enum its value, a set a sorted list.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from traceback import format_exception_only
from typing import Any, get_type_hints
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.strategies import configure_union_passthrough

from kiq_trio import encoder
from kiq_trio.errors import EncodeError
from kiq_trio.spans import to_seconds

SCALARS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
"""What JSON has a word of its own for."""

FITTING: dict[Any, frozenset[type]] = {
    str: frozenset({str}),
    # As type checkers have it.
    int: frozenset({int, bool}),
    float: frozenset({float, int, bool}),
    bool: frozenset({bool}),
    None: frozenset({type(None)}),
    type(None): frozenset({type(None)}),
}
"""What of JSON fits a hint for one of these."""


def make_converter() -> Converter:
    """Return a converter with all hooks of ours, to add some of yours.

    A number is never made of a text, nor a whole one of a broken one: a payload
    that does not fit its hint is refused, not bent.
    """
    converter = Converter(unstruct_collection_overrides={AbstractSet: sort})
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _only(kind))
    for stamp in (datetime, date, time):
        converter.register_unstructure_hook(stamp, stamp.isoformat)
        converter.register_structure_hook(stamp, _from_text(stamp.fromisoformat))
    for named in (UUID, Decimal):
        converter.register_unstructure_hook(named, str)
        converter.register_structure_hook(named, _from_text(named))
    converter.register_unstructure_hook(timedelta, to_seconds)
    converter.register_structure_hook(timedelta, _read_timedelta)
    configure_union_passthrough(str | int | float | bool | None, converter)
    return converter


def plain_args(args: Sequence[Any], converter: Converter, path: str) -> Sequence[Any]:
    """Return *args* with nothing left in them that JSON has no word for.

    They are the same, if each is text, a number, a truth value or None.

    Raises:
        EncodeError: no hook knows something in them, which is in *path* somewhere.
    """
    for value in args:
        if type(value) not in SCALARS:
            break
    else:
        return args
    try:
        return _list_to_json(args, converter, path)
    except RecursionError:
        raise EncodeError(path, "nested too deeply") from None


def _to_json(value: Any, converter: Converter, path: str) -> Any:
    if type(value) in SCALARS:
        return value
    try:
        return _take_apart(value, converter, path)
    except RecursionError:
        raise
    except EncodeError as error:
        if error.path.startswith(path):
            raise
        # It comes out of a hook, which cannot know where its value is.
        raise EncodeError(path, error.reason) from None
    # A hook is anybody's, and so is what it reads of the value.
    except Exception as error:
        why = "".join(format_exception_only(error)).strip()
        raise EncodeError(
            f"{path}{_find_field(value, converter)}",
            f"no JSON could be made of the {type(value).__name__}: {why}",
        ) from error


def _find_field(value: Any, converter: Converter) -> str:
    """Return the field of *value* that no JSON can be made of, if it is one's fault."""
    kind = type(value)
    if not (attrs.has(kind) or is_dataclass(kind)):
        return ""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - a hint may be any text.
        return ""
    for name, hint in hints.items():
        try:
            converter.unstructure(getattr(value, name), unstructure_as=hint)
        except Exception:  # noqa: BLE001 - a hook is anybody's.
            return f".{name}"
    return ""


def _take_apart(value: Any, converter: Converter, path: str) -> Any:
    if isinstance(value, Enum):
        return _to_json(value.value, converter, path)
    if isinstance(value, list | tuple):
        return _list_to_json(value, converter, path)
    if isinstance(value, AbstractSet):
        return sort(_list_to_json(tuple(value), converter, path))
    if isinstance(value, Mapping):
        return _mapping_to_json(value, converter, path)
    simpler = converter.unstructure(value)
    if simpler is value:
        raise EncodeError(
            path, f"{value!r} of type {type(value).__name__} is not JSON, {_NO_HOOK}"
        )
    return _to_json(simpler, converter, path)


_NO_HOOK = "and there is no hook to make it so (see kiq_trio.make_converter)"


def _list_to_json(values: Sequence[Any], converter: Converter, path: str) -> list[Any]:
    return [
        one if type(one) in SCALARS else _to_json(one, converter, f"{path}[{place}]")
        for place, one in enumerate(values)
    ]


def _mapping_to_json(
    values: Mapping[Any, Any], converter: Converter, path: str
) -> dict[str, Any]:
    for key in values:
        if type(key) is not str:
            raise EncodeError(path, f"key {key!r} is not a string")
    return {
        key: one if type(one) in SCALARS else _to_json(one, converter, f"{path}.{key}")
        for key, one in values.items()
    }


def sort(values: Iterable[Any]) -> list[Any]:
    """Return what was a set in an order that is the same in every process."""
    listed = list(values)
    try:
        return sorted(listed)
    except TypeError:
        return sorted(listed, key=encoder.encode)


def _only(kind: type) -> Callable[[Any, Any], Any]:
    kinds = FITTING[kind]

    def take(value: Any, wanted: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"got {value!r}")
        # Also asked for what is made of it, such as an `IntEnum`.
        return value if wanted is kind else wanted(value)

    return take


def _from_text(read: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    def take(value: Any, _: Any) -> Any:
        if type(value) is not str:
            raise TypeError(f"got {value!r}")
        return read(value)

    return take


def _read_timedelta(value: Any, _: Any) -> timedelta:
    if type(value) not in FITTING[float] or not math.isfinite(value):
        raise TypeError(f"got {value!r}")
    return timedelta(seconds=value)


CONVERTER = make_converter()
"""What converts arguments unless a worker brings its own."""
