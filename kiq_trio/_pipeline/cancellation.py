"""Telling apart what a user's function raises of its own, and what is done to it."""

import trio


def is_interrupt(error: BaseException) -> bool:
    """Whether *error* is, or holds, the user's Ctrl-C, which goes through."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KeyboardInterrupt) is not None
    return isinstance(error, KeyboardInterrupt)


def is_cancellation(error: BaseException | None) -> bool:
    """Whether *error* is, holds, or was raised because of a cancellation."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, trio.Cancelled):
            return True
        if isinstance(error, BaseExceptionGroup):
            return error.subgroup(trio.Cancelled) is not None
        error = error.__cause__ or error.__context__
    return False


def sole_leaf(error: BaseException) -> BaseException:
    """Return what a group of groups holds, if that is one error."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
