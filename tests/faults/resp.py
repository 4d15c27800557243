"""Where a message of Redis' protocol ends, so that it can be treated as one.

It shares no code with the client under test, nor with what that relies on.
"""

from collections.abc import Iterator

_SIMPLE = frozenset(b"+-:_,#(")
_TEXT = frozenset(b"$!=")
_MANY = {b"*"[0]: 1, b"~"[0]: 1, b">"[0]: 1, b"%"[0]: 2}


class Frames:
    """Cuts a stream of bytes into whole messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the messages that *data* completes."""
        self._rest += data
        while (end := _end_of(self._rest, 0)) is not None:
            frame = bytes(self._rest[:end])
            del self._rest[:end]
            yield frame


def read_command(frame: bytes) -> tuple[bytes, ...]:
    """Return the parts of a command, which is an array of texts."""
    parts, position = [], frame.index(b"\n") + 1
    while position < len(frame):
        start = frame.index(b"\n", position) + 1
        end = start + int(frame[position + 1 : start])
        parts.append(frame[start:end])
        position = end + 2
    return tuple(parts)


def is_push(frame: bytes) -> bool:
    """Whether nobody has asked for it."""
    return frame.startswith(b">")


def _end_of(data: bytearray, start: int) -> int | None:
    """Return where the message ends that begins at *start*, None if it does not."""
    line = data.find(b"\r\n", start)
    if line < 0:
        return None
    kind, end = data[start], line + 2
    if kind in _SIMPLE:
        return end
    count = int(data[start + 1 : line])
    if kind in _TEXT:
        end += count + 2 if count >= 0 else 0
        return end if end <= len(data) else None
    for _ in range(count * _MANY[kind]):
        inner = _end_of(data, end)
        if inner is None:
            return None
        end = inner
    return end
