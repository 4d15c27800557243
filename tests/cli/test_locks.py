import pytest
from rich.status import Status

from kiq_trio.cli import busy
from tests.cli.administration import Admin

A, B = "a" * 64, "b" * 64


@pytest.fixture
def admin(admin: Admin) -> Admin:
    admin.raw("SET", f"kiq:unique:{A}", "jid-1", "PX", 90_000)
    admin.raw("SET", f"kiq:unique:{B}", "jid-2")
    return admin


def test_locks_are_listed_with_their_owners(admin: Admin) -> None:
    title, one, two = admin("locks", "list").lines

    assert title == ["token", "owner", "ends", "in"]
    assert one[:2] == [A, "jid-1"]
    assert two == [B, "jid-2", "never"]


def test_locks_are_listed_for_programs(admin: Admin) -> None:
    answer = admin.json("locks", "list")

    one, two = answer["items"]
    assert answer["total"] == 2
    assert 60 < one.pop("expires_in") <= 90
    assert one == {"token": A, "owner": "jid-1"}
    assert two == {"token": B, "owner": "jid-2", "expires_in": None}


def test_no_more_locks_are_listed_than_asked_for(admin: Admin) -> None:
    answer = admin.json("locks", "list", "--limit", "1")

    assert ([one["token"] for one in answer["items"]], answer["total"]) == ([A], None)
    assert "more than 1" in admin("locks", "list", "--limit", "1").out


def test_a_lock_tells_its_owner(admin: Admin) -> None:
    assert admin("locks", "owner", A).out == "jid-1\n"
    assert "nobody owns" in admin("locks", "owner", "c", code=1).err


def test_a_lock_is_released(admin: Admin) -> None:
    assert "Say --yes" in admin("locks", "release", A, code=2).err

    answer = admin.json("locks", "release", A, "--yes")

    assert answer == {"token": A, "owner": "jid-1"}
    assert "nobody owns" in admin("locks", "release", A, "--yes", code=1).err
    assert admin.raw("EXISTS", f"kiq:unique:{A}", f"kiq:unique:{B}") == 1


def test_a_lock_is_released_by_its_owner_only_if_that_is_named(admin: Admin) -> None:
    said = admin("locks", "release", A, "--owner", "jid-2", "--yes", code=1)

    assert "jid-2 does not own" in said.err
    assert admin("locks", "release", A, "--owner", "jid-1", "-y").code == 0


def test_no_locks_are_no_failure(admin: Admin) -> None:
    admin.raw("FLUSHALL")

    assert admin("locks", "list").out == "there are no locks\n"


@pytest.mark.parametrize("command", [("locks", "list"), ("clear", "--yes")])
def test_looking_at_all_keys_shows_on_a_terminal_how_far_it_is(
    command: tuple[str, ...], admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy, "is_watched", lambda: True)
    told: list[str] = []
    monkeypatch.setattr(Status, "update", lambda _, what: told.append(what))

    admin(*command)

    assert told
    assert told[-1].endswith(": 2")
