"""The tables of keys and commands against what scripts and functions really use."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiq_trio._store import keys
from kiq_trio._store.commands import COMMANDS, COMMANDS_OF_SCRIPTS, acl_rules
from kiq_trio._store.key_table import KEYS
from kiq_trio._store.scripts import SCRIPTS

PATTERNS = {key.pattern for key in KEYS}


def test_every_key_is_in_the_table_once() -> None:
    assert len(PATTERNS) == len(KEYS)


def test_the_lead_of_a_sidekiq_cluster_is_left_to_sidekiq() -> None:
    assert keys.LEADER == "kiq:leader"
    # It may be shown there, if we are told to; nobody is elected by it.
    headers = {s.name for s in SCRIPTS if keys.DEAR_LEADER in s.source}
    assert headers == {"badge", "release"}


def test_every_function_makes_a_name_that_the_table_knows() -> None:
    made = {
        keys.queue_key("NAME"),
        keys.backup_key("ID"),
        keys.calls_key("ID"),
        keys.flush_key("LANE"),
        keys.unique_key("TOKEN"),
        keys.dump_key("TOKEN", "ID"),
        keys.work_key("ID"),
        keys.signals_key("ID"),
        keys.stat_key("processed"),
        keys.stat_key("failed", "DAY"),
        keys.old_work_key("ID"),
        keys.iteration_key("JID"),
        keys.deploy_lock_key("LABEL"),
    }
    assert made <= PATTERNS


@pytest.mark.parametrize(
    ("hour", "minute", "new", "old"),
    [
        (8, 5, ("j|250203|8:05", "h|A-3-8:5"), ("j|20250203|8:5", "A-03-08:5")),
        (18, 45, ("j|250203|18:45", "h|A-3-18:45"), ("j|20250203|18:45", "A-03-18:45")),
    ],
)
def test_each_sidekiq_pads_the_keys_of_its_metrics_in_its_own_way(
    hour: int, minute: int, new: tuple[str, str], old: tuple[str, str]
) -> None:
    moment = datetime(2025, 2, 3, hour, minute, tzinfo=UTC)

    assert (keys.minute_key(moment), keys.histogram_key("A", moment)) == new
    assert (keys.old_minute_key(moment), keys.old_histogram_key("A", moment)) == old
    assert keys.marks_key(moment) == "20250203-marks"


def test_every_constant_is_in_the_table() -> None:
    constants = {
        value
        for name, value in vars(keys).items()
        if name.isupper() and isinstance(value, str)
    }
    assert constants <= PATTERNS


def test_a_pattern_reads_as_redis_acl_wants_it() -> None:
    globs = {key.pattern: key.glob for key in KEYS}

    assert globs["kiq:backup|ID"] == "kiq:backup|*"
    assert globs["stat:processed:DAY"] == "stat:processed:*"
    assert globs["queues"] == "queues"
    assert globs["ID:work"] == "*:*:*:work"


def test_what_only_ruby_writes_may_only_be_read() -> None:
    assert {"%R~profiles", "%R~*-*"} <= set(acl_rules())
    assert {"~profiles", "~*-*"}.isdisjoint(acl_rules())


def test_no_right_is_to_every_key_or_to_what_looks_through_all_at_once() -> None:
    rules = set(acl_rules())

    assert rules.isdisjoint({"~*", "allkeys", "+@all"})
    assert rules.isdisjoint({"+keys", "+flushdb", "+flushall", "+config"})


def test_every_header_of_a_script_names_keys_of_the_table() -> None:
    known = {re.sub(r"[A-Z]+", "", pattern) for pattern in PATTERNS}

    for script in SCRIPTS:
        headers = re.findall(
            r"^--   KEYS\[\d+\]…?\s+(.+?)  +", script.source, re.MULTILINE
        )
        assert headers, script.name
        for header in headers:
            for name in re.sub(r"<\w+>", "", header).split(" or "):
                assert name in known, f"{script.name}: {header}"


def test_scripts_use_only_the_keys_they_are_given() -> None:
    for script in SCRIPTS:
        calls = re.findall(r"redis\.call\('\w+'(?:, (.+?))?[,)]", script.source)
        keys_used = {first for first in calls if first}
        assert all(k.startswith(("KEYS[", "sets[")) for k in keys_used), script.name


def test_the_table_names_exactly_the_commands_of_the_scripts() -> None:
    text = "".join(script.source for script in SCRIPTS)

    assert sorted(set(re.findall(r"redis\.call\('(\w+)'", text))) == [
        *COMMANDS_OF_SCRIPTS
    ]


def test_the_table_names_exactly_the_commands_of_the_functions() -> None:
    folder = Path(keys.__file__).parent
    modules = set(folder.glob("*.py")) - {folder / "commands.py"}
    # A command is written as a tuple, or as the first argument of `raw`.
    sent = set(
        re.findall(
            r"""(?:(?<![\w.])|\.raw)\(\s*"([A-Z]{3,})\"""",
            "".join(path.read_text() for path in modules),
        )
    )

    assert sent | {"EVALSHA"} == {*COMMANDS}
    assert sorted(COMMANDS) == [*COMMANDS]


def test_only_what_adds_work_is_refused_when_memory_is_full() -> None:
    refused = {s.name for s in SCRIPTS if "flags=allow-oom" not in s.source}

    assert refused == {"admit", "enqueue", "schedule", "tick"}
