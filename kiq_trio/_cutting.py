"""Takes fields out of JSON without writing the rest of it anew."""

import json
from collections.abc import Container

from kiq_trio.errors import DecodeError

_raw = json.JSONDecoder(parse_int=str, parse_float=str)
"""Looks where values end, whatever they are."""


def cut(payload: bytes, names: Container[str]) -> bytes:
    """Return the JSON object in *payload* without some fields; the rest to the byte.

    What is written again may be spelled otherwise: `1e+16` as `1.0e+16`, an escape as
    what it stands for.

    Raises:
        DecodeError: it is no JSON object.
    """
    try:
        return _cut(payload.decode(), names).encode()
    except (ValueError, IndexError, RecursionError) as error:
        raise DecodeError(str(error)) from error


def _cut(text: str, names: Container[str]) -> str:
    at = _skip(text, 0)
    if text[at] != "{":
        raise ValueError("not an object")
    end = at = _skip(text, at + 1)
    pieces, after = [text[:at]], ""
    while text[at] != "}":
        start = at
        name, at = _raw.raw_decode(text, at)
        # Over the colon.
        _, end = _raw.raw_decode(text, _skip(text, _skip(text, at) + 1))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
        if name not in names:
            # The comma belongs to what comes next, if anything does.
            pieces += (after, text[start:end])
            after = text[end:at]
    return "".join(pieces) + text[end:]


def _skip(text: str, at: int) -> int:
    """Return where the next thing begins that is no space."""
    while text[at] in " \t\n\r":
        at += 1
    return at
