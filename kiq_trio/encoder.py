"""JSON as Ruby writes it: compact, raw UTF-8, nothing that JSON cannot say.

`wire.md` §1.6 shows what other spellings do to Sidekiq: a space or an escape
makes its `reschedule` run a job twice, NaN loses it.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from kiq_trio.errors import DecodeError, EncodeError

_fast: ModuleType | None
try:
    import orjson as _fast
except ImportError:
    # The extra "fast" is not installed.
    _fast = None

DEPTH_LIMIT = 100
"""Ruby refuses to parse what is nested deeper (wire.md §1.6)."""

DIGITS_LIMIT = 4_300
"""Python reads no longer integers (`sys.set_int_max_str_digits`)."""

_TOO_LONG = 10**DIGITS_LIMIT
_INT64 = range(-(2**63), 2**64)
# What orjson either writes as it is meant, or refuses.
_WORDS = frozenset({str, int, bool, type(None)})
# orjson reads an integer of 2**64 or more as a float. Only so long a run of digits
# can be one, and the standard library keeps it exact. A pattern would look for
# that run for 3 us in a usual payload; this takes 0.3.
_LONG_DIGITS = b"0" * 19
_ALL_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
# Texts are found to be left alone, then what Ruby spells in its own way.
_TEXT_OR_FLOAT = re.compile(
    r'"(?:[^"\\]++|\\.)*+"|(-?[\d.]+)e([+-]\d+)|-?\d{16}\.0(?!\d)'
)


def encode(value: Any) -> bytes:
    """Return *value* as JSON.

    Raises:
        EncodeError: *value* holds what JSON cannot say: NaN, a key that is not
            a string, bytes, a lone surrogate, an object of a class of yours.
    """
    if _fast is not None and type(value) is dict and _is_usual(value.values()):
        try:
            return _write_fast(_fast, value)
        except TypeError:
            # Something that it refuses; below it gets a name.
            pass
    return _encode_with_care(value)


def _encode_with_care(value: Any) -> bytes:
    is_plain = check(value)
    try:
        if not is_plain:
            return _spell_as_ruby(_stdlib_text(value)).encode()
        if _fast is not None:
            return _write_fast(_fast, value)
        return _stdlib_text(value).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise EncodeError("text", f"lone surrogate, {half!r}") from None
    except TypeError as error:
        # All that orjson still refuses here is text that is not Unicode.
        raise EncodeError("text", str(error)) from None
    except ValueError as error:
        # This Python may have been told to write fewer digits.
        raise EncodeError("integer", str(error)) from None


def _write_fast(fast: ModuleType, value: Any) -> bytes:
    """Return what orjson writes, in as much memory as it needs.

    orjson's own bytes are the beginning of a larger buffer, whose rest is never
    used again: of 20,000 jobs that wait, each kept 4 KiB, and the page faults for
    them took 1.5 us. A copy takes 0.3.
    """
    return b"%b" % fast.dumps(value)


def decode(payload: bytes) -> Any:
    """Return what the JSON in *payload* says.

    Raises:
        DecodeError: it is not JSON, or nested too deeply to be read.
    """
    try:
        alike = payload.translate(_ALL_DIGITS_ALIKE)
        # Not `in`, which tries first whether it was given a number, for 0.1 us.
        if _fast is None or alike.find(_LONG_DIGITS) >= 0:
            return _decode_with_care(payload)
        return _fast.loads(payload)
    except (ValueError, RecursionError) as error:
        raise DecodeError(str(error)) from error


def _decode_with_care(payload: bytes) -> Any:
    value = _careful.decode(payload.decode())
    if b"\\u" in payload:
        # Half a character, which nobody could write again; orjson looks by itself.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def check(value: Any, path: str = "", depth: int = 0) -> bool:
    """Refuse what JSON cannot say; answer whether all of it is spelled alike by all.

    It is not, if an integer does not fit 64 bits or a float may need an exponent.

    Raises:
        EncodeError: naming the path of the offending value.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        if value in _INT64:
            return True
        if -_TOO_LONG < value < _TOO_LONG:
            return False
        raise EncodeError(
            path or "value", f"an integer of more than {DIGITS_LIMIT:,} digits"
        )
    if kind is float:
        if math.isfinite(value):
            return _is_spelled_alike(value)
        raise EncodeError(path or "value", f"{value!r} is not a number in JSON")
    if depth >= DEPTH_LIMIT:
        raise EncodeError(path, f"nested deeper than {DEPTH_LIMIT} levels")
    return _check_container(value, path, depth)


def _is_usual(values: Iterable[Any], depth: int = 0) -> bool:
    """Whether orjson writes *values* as Ruby does, or refuses them.

    It is asked of every payload: so it names no place, and looks at exact types only.
    """
    for value in values:
        kind = type(value)
        if kind in _WORDS:
            continue
        if kind is list:
            inner = value
        elif kind is dict:
            inner = value.values()
        elif kind is float and _is_spelled_alike(value):
            continue
        else:
            return False
        if depth + 1 >= DEPTH_LIMIT or not _is_usual(inner, depth + 1):
            return False
    return True


def _is_spelled_alike(value: float) -> bool:
    """Whether all write *value* in the same way: it needs no exponent anywhere."""
    return 1e-4 <= abs(value) < 1e15 or value == 0


def _check_container(value: Any, path: str, depth: int) -> bool:
    is_plain = True
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            is_plain &= check(item, f"{path}[{index}]", depth + 1)
        return is_plain
    if isinstance(value, Mapping):
        for key, item in value.items():
            if type(key) is not str:
                raise EncodeError(path or "value", f"key {key!r} is not a string")
            is_plain &= check(item, f"{path}.{key}" if path else key, depth + 1)
        # orjson knows no other mappings.
        return is_plain and type(value) is dict
    raise EncodeError(
        path or "value",
        f"{value!r} of type {type(value).__name__} is not JSON "
        "(allowed: str, int, float, bool, None, list, tuple, dict)",
    )


def _stdlib_text(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=dict
    )


def _spell_as_ruby(text: str) -> str:
    """Return JSON of the standard library's with its floats as Ruby spells them.

    Both find the fewest digits that tell a float from all others, and an exponent has
    two digits at least. But Ruby writes `1.0e+16` for Python's `1e+16`, and `1.0e+15`
    for 1000000000000000.0.
    """
    return _TEXT_OR_FLOAT.sub(_respell, text)


def _respell(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] == '"':
        return text
    mantissa, exponent = found.groups()
    if exponent is None:
        # All of its 16 digits stand before the point.
        mantissa, exponent = f"{float(text):.15e}".split("e")
        mantissa = mantissa.rstrip("0")
    if "." not in mantissa:
        mantissa += "."
    return f"{mantissa}{'' if mantissa[-1].isdigit() else '0'}e{exponent}"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _read_float(text: str) -> float:
    number = float(text)
    if math.isfinite(number):
        return number
    raise ValueError("a number is too large to be one")


# As strict as orjson: what can be read can be written again.
_careful = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)
