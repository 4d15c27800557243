"""What all commands have in common, read from the tree that typer makes of them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from kiq_trio._version import __version__
from kiq_trio.cli.app import LISTING, app, main

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
# These do not talk to a Redis of somebody's, or answer in another way.
APART = {"run", "demo", "version", "gen worker", "gen supervisor", "gen reporter"}


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name, one in inner.items():
        yield from walk(one, (*path, name))


COMMANDS = dict(walk(typer.main.get_command(app)))


def options(command: Any) -> dict[str, Any]:
    return {
        name: option
        for option in command.params
        if option.param_type_name == "option"
        for name in option.opts
    }


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - APART))
def test_a_command_says_which_redis_and_how_to_answer(name: str) -> None:
    assert {"--redis-url", "--json", "--timeout"} <= options(COMMANDS[name]).keys()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_and_its_options_are_explained(name: str) -> None:
    command = COMMANDS[name]

    assert command.help
    assert [name for name, one in options(command).items() if not one.help] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_documented(name: str) -> None:
    assert f"`{name}" in PAGE.read_text()


def test_nothing_is_documented_that_is_not_there() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    named = {row.split("`")[1] for row in rows if not row.startswith("| `--")}
    without = {" ".join(w for w in one.split() if w.islower()) for one in named}

    assert without <= COMMANDS.keys()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["queues", "list", "--max-latency", "soon", "--json"], 2),
        (["queues", "nothing", "--json"], 2),
        (["queues", "pause", "--json"], 2),
        (["queues", "list", "--redis-url", "ftp://h", "--json"], 2),
        (
            ["stats", "--redis-url", "redis://h:1", "--timeout=.1", "--json"],
            1,
        ),
        (["enqueue", "Mailer", "text", "--json"], 2),
    ],
)
def test_whoever_asks_for_json_is_told_of_mistakes_in_json(
    words: list[str],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["kiq-trio", *words])

    with pytest.raises(SystemExit) as ended:
        main()

    [line] = capsys.readouterr().err.splitlines()
    assert ended.value.code == json.loads(line)["code"] == code


def test_whoever_asks_for_json_gets_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kiq-trio", "queues", "list"])
    monkeypatch.setenv("KIQ_TRIO_JSON", "1")
    monkeypatch.setenv("KIQ_TRIO_REDIS_URL", "memory://")

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {"items": [], "total": 0}


@pytest.mark.parametrize("group", sorted(LISTING))
def test_a_group_that_is_asked_for_nothing_else_lists(group: str) -> None:
    nowhere = ["--redis-url", "redis://127.0.0.1:1", "--timeout", "0.5", "--json"]

    bare = CliRunner().invoke(app, [group, *nowhere])
    named = CliRunner().invoke(app, [group, "list", *nowhere])

    assert (bare.exit_code, bare.stderr) == (named.exit_code, named.stderr)
    assert "no answer from" in json.loads(bare.stderr)["error"]


def test_a_group_helps_and_knows_its_commands_all_the_same() -> None:
    helped = CliRunner().invoke(app, ["queues", "--help"])
    mistyped = CliRunner().invoke(app, ["queues", "puase"])

    assert helped.exit_code == 0
    assert "pause" in helped.stdout
    assert mistyped.exit_code == 2
    assert "No such command 'puase'" in mistyped.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"run"}))
def test_every_command_that_ends_answers_programs(name: str) -> None:
    assert "--json" in options(COMMANDS[name])


def test_the_version_is_told_to_programs() -> None:
    said = CliRunner().invoke(app, ["version", "--json"])

    assert json.loads(said.stdout) == {"version": __version__}


# Shared by all that have them, or `run`'s own; docs/reference.md lists them.
SHORTER = {
    "--redis-url": "KIQ_TRIO_REDIS_URL",
    "--json": "KIQ_TRIO_JSON",
    "--timeout": "KIQ_TRIO_TIMEOUT",
    "--yes": "KIQ_TRIO_YES",
    "--sidekiq": "KIQ_TRIO_SIDEKIQ",
}
OF_RUN = {"--queue": "KIQ_TRIO_QUEUES", "--reload-dir": "KIQ_TRIO_RELOAD_DIRS"}


def rule(name: str, option: str) -> str:
    """Return the variable that an option of a command must have."""
    if name == "run":
        name = ""
        if option in OF_RUN:
            return OF_RUN[option]
    if option in SHORTER:
        return SHORTER[option]
    words = ["kiq_trio", *name.split(), option.removeprefix("--")]
    return "_".join(words).replace("-", "_").upper()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_has_the_variable_that_the_rule_says(name: str) -> None:
    named = {
        option: parameter.envvar
        for parameter in COMMANDS[name].params
        for option in parameter.opts
        if option.startswith("--")
    }

    assert named == {option: rule(name, option) for option in named}


def test_every_variable_of_its_own_is_documented() -> None:
    page = (PAGE.parent / "reference.md").read_text()

    for variable in {*SHORTER.values(), *OF_RUN.values()}:
        assert f"`{variable}`" in page


@pytest.mark.parametrize(
    ("words", "variables", "wrong"),
    [
        (
            ["enqueue", "Mailer"],
            {"KIQ_TRIO_ENQUEUE_IN": "soon"},
            "'--in'",
        ),
        (
            ["dead", "delete", "j-1", "-y"],
            {"KIQ_TRIO_DEAD_DELETE_ALL": "1"},
            "give a jid or --all, not both",
        ),
        (
            ["dead", "delete", "j-1", "-y"],
            {"KIQ_TRIO_DEAD_DELETE_CLASS": "Mailer"},
            "give a jid or --all, not both",
        ),
        (
            ["locks", "release", "t", "-y"],
            {"KIQ_TRIO_LOCKS_RELEASE_OWNER": "j-1"},
            "j-1 does not own the lock t",
        ),
    ],
    ids=["in", "all", "class", "owner"],
)
def test_a_variable_stands_for_its_option(
    words: list[str], variables: dict[str, str], wrong: str
) -> None:
    env = {"KIQ_TRIO_REDIS_URL": "memory://", **variables}

    said = CliRunner().invoke(app, words, env=env)

    assert said.exit_code in {1, 2}
    assert wrong in said.stderr


@pytest.mark.parametrize(("said", "is_json"), [("1", True), ("0", False), ("", False)])
def test_the_environment_may_ask_for_json_and_may_not(
    said: str,
    is_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KIQ_TRIO_JSON", said)
    monkeypatch.setattr(sys, "argv", ["kiq-trio", "stats", "--nope"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("{") is is_json
