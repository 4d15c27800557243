"""Where a job failed: its traceback as text, fit for a log.

Only files, lines and what the error says: never a local variable, nor the arguments
of the job, which may be secrets.
"""

import os
import threading
import traceback
from itertools import dropwhile
from typing import Final

import outcome
import trio

from kiq_trio import encoder

TEXT_LIMIT: Final = 8_000
"""So many characters are kept, those of the end: there it says what failed."""
_PART_LIMIT: Final = 1_000
# An error's own text is a part as well, and must not push its place out.


def write_traceback(error: BaseException) -> str:
    """Return the traceback of *error*, from the worker's first line on."""
    told = traceback.TracebackException.from_exception(error)
    _skip_machinery(told, seen=set())
    parts = [_shorten(part) for part in told.format()]
    return "".join(parts).strip()[-TEXT_LIMIT:]


def _shorten(part: str) -> str:
    return part if len(part) <= _PART_LIMIT else f"{part[:_PART_LIMIT]}...\n"


def _skip_machinery(told: traceback.TracebackException, seen: set[int]) -> None:
    """Leave out what calls a worker; what the worker calls is shown."""
    if id(told) in seen:
        return
    seen.add(id(told))
    rest = dropwhile(lambda at: at.filename.startswith(_MACHINERY), told.stack)
    # One of the machinery's own errors has nothing else.
    told.stack = traceback.StackSummary.from_list([*rest] or told.stack)
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            _skip_machinery(other, seen)


def _folder(file: str | None) -> str:
    assert file is not None
    return os.path.dirname(file) + os.sep  # noqa: PTH120 - compared with text.


_MACHINERY: Final = (
    _folder(encoder.__file__),
    _folder(trio.__file__),
    _folder(outcome.__file__),
    threading.__file__,
)
