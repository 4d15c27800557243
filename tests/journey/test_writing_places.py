"""No place that writes what Sidekiq's UI shows is left out of what is checked.

Whoever adds one finds these tests red: payloads belong into the table of
`tests/journey/writing_paths.py`, everything else into the one below.
"""

import ast
import re
from pathlib import Path

import attrs

from kiq_trio._store.scripts import SCRIPTS
from kiq_trio._store.settling import Ack, Requeue
from tests.journey.witness import (
    PACKAGE,
    places_in_source,
    scripts_in_source,
)
from tests.journey.writing_paths import PATHS

TAKING = {
    "fetch": "moves from the queue to our backup, which no page shows",
    "remove": "deletes from a queue",
    "delete_queue": "deletes the name of an empty queue",
    "reschedule": "changes when a job is due, and writes no payload",
}
"""Scripts that have to do with jobs, and put no new payload anywhere."""

WRITING = re.compile(
    r"^(APPEND|BITFIELD|COPY|DEL|H?INCR\w*|DECR\w*|EXPIRE\w*|PEXPIRE\w*|GETDEL|GETSET"
    r"|HDEL|HM?SET\w*|[BLR]*L?MOVE|LINSERT|[LR]PUSHX?|[LR]POP|LREM|LSET|LTRIM|MSET\w*"
    r"|PERSIST|RENAME\w*|RESTORE|S(ADD|REM|POP|MOVE|ET\w*)|UNLINK|XADD|XDEL|XTRIM"
    r"|Z(ADD|REM\w*|POP\w*|INCRBY|\w+STORE)|PUBLISH|BZPOP\w*)$"
)

GOLDEN = "tests/golden/test_showing.py"
OURS = "keys of ours, which no page shows"
COMMANDS = {
    # Shown by a page, in the words of wire.md §3 to §6.
    "_store.showing": ("EXPIRE HSET INCRBY RPOP SADD SREM UNLINK", GOLDEN),
    "_store.measuring": ("BITFIELD EXPIRE HINCRBY INCRBY", GOLDEN),
    "_store.marking": ("EXPIRE HSETNX SET", GOLDEN),
    "_store.iterating": ("EXPIRE HSETNX", GOLDEN),
    "_store.charting": ("SET", "a number, as Sidekiq resets it (§3)"),
    "_store.pausing": ("SADD SREM", "a name in `paused` (§2.3)"),
    "_store.pruning": ("SET SREM", "a flag (§4.4), and takes names off a set"),
    "_store.signalling": ("EXPIRE LPUSH LREM", "a signal, which no page shows (§4.5)"),
    "_store.clearing": ("UNLINK", "deletes"),
    "_store.laying": ("ZREMRANGEBYRANK ZREMRANGEBYSCORE", "deletes"),
    "_store.waiting": ("BLMOVE", "puts back what it takes, where it was"),
    # Shown by none.
    "_store.settling": ("HDEL", OURS),
    "_store.sweeping": ("SADD", OURS),
    "_store.dumping": ("SET", OURS),
    "_store.locking": ("UNLINK", OURS),
    "_store.rota": ("HDEL HSET SADD SREM", OURS),
}
"""Commands that write, by module: which, and who checks what they write."""


TABLE = PACKAGE / "_store" / "commands.py"
"""What a user of Redis may do; nothing is done there."""


def test_every_place_that_makes_a_payload_to_be_stored_is_in_the_table() -> None:
    assert {place for path in PATHS for place in path.places} == places_in_source()


def test_every_script_that_stores_payloads_is_in_the_table() -> None:
    checked = {script for path in PATHS for script in path.scripts}

    assert checked | TAKING.keys() == scripts_in_source()
    assert checked.isdisjoint(TAKING)


def test_a_script_that_only_takes_adds_nothing_where_a_page_looks() -> None:
    adding = re.compile(r"redis\.call\('([LR]PUSHX?|ZADD|ZINCRBY|SADD)', (?!.*'XX')")
    for script in SCRIPTS:
        if script.name in TAKING:
            assert not adding.search(script.source), script.name


def test_what_goes_back_or_is_done_with_has_no_payload_to_be_written() -> None:
    names = {field.name for one in (Ack, Requeue) for field in attrs.fields(one)}

    assert names == {"lock"}


def test_every_other_command_that_writes_is_in_the_table() -> None:
    found = {
        module: commands
        for path in PACKAGE.rglob("*.py")
        if path != TABLE and (commands := written_by(path))
        for module in [".".join(path.relative_to(PACKAGE).with_suffix("").parts)]
    }

    assert found == {name: set(row[0].split()) for name, row in COMMANDS.items()}


def written_by(path: Path) -> set[str]:
    """Return the commands that a module writes by, heads of tuples or of calls."""
    heads: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple) and len(node.elts) > 1:
            heads.append(node.elts[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            heads += node.args[:1]
    texts = {head.value for head in heads if isinstance(head, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and WRITING.match(text)}
