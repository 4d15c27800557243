"""Text of anybody's, made fit for a terminal and for a line of a log: pure."""

from typing import Any


def printable(value: Any) -> str:
    """Return *value* as one line of text that a terminal does not obey."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "replace").decode()
        for char in text
    )


def printable_json(text: str) -> str:
    """Return JSON that says the same, in characters that a terminal does not obey.

    Of these JSON itself escapes only the oldest; others turn text around, or are
    hidden, or begin an order to a terminal as ESC does.
    """
    if text.isprintable():
        return text
    # Outside of strings there is none.
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    """Return *char* as JSON may spell it."""
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
