import json

import pytest

from tests.cli.administration import Admin
from tests.store.deeds import waiting

FAR = "1893456000"


def test_a_job_is_enqueued_with_its_arguments(admin: Admin) -> None:
    said = admin("enqueue", "Mailer", "42", '"text"', '{"a": [1, null]}')

    [item] = admin.json("jobs", "show", said.out.strip())["items"]
    assert item["place"] == "queue:default"
    job = item["job"]
    assert (job["class"], job["args"]) == ("Mailer", [42, "text", {"a": [1, None]}])
    assert job["retry"] is True
    assert len(job["jid"]) == 24


def test_its_options_travel_with_the_job(admin: Admin) -> None:
    answer = admin.json(
        *("enqueue", "Mailer", "-q", "mail", "-r", "3"),
        *("--expires-in", "60", "--unique-for", "0.5"),
    )

    assert answer["place"] == "queue:mail"
    job = answer["job"]
    assert (job["retry"], job["expires_in"], job["unique_for"]) == (3, 60, 0.5)
    assert len(admin.do(lambda redis: waiting(redis, "mail"))) == 1


def test_a_duplicate_is_told_of_and_not_stored(admin: Admin) -> None:
    words = ("enqueue", "Mailer", "1", "--unique-for", "1000")
    first = admin(*words).out.strip()

    assert admin(*words).out == f"not stored: a duplicate of {first}\n"
    answer = admin.json(*words)

    assert (answer["place"], answer["duplicate_of"]) == (None, first)
    assert admin.raw("LLEN", "queue:default") == 1
    [lock] = admin.json("locks", "list")["items"]
    assert lock["owner"] == first
    admin("locks", "release", lock["token"], "--yes")
    assert admin.json(*words)["place"] == "queue:default"


def test_a_deleted_job_gives_its_lock_back(admin: Admin) -> None:
    words = ("enqueue", "Mailer", "1", "--unique-for", "1000")
    first = admin(*words).out.strip()

    admin("jobs", "delete", first, "--yes")

    assert admin.json("locks", "list")["items"] == []
    assert admin.json(*words)["place"] == "queue:default"


@pytest.mark.parametrize(
    ("given", "stored"), [("true", True), ("false", False), ("0", 0)]
)
def test_retries_are_a_number_or_a_word(
    admin: Admin, given: str, stored: object
) -> None:
    assert admin.json("enqueue", "A", "--retry", given)["job"]["retry"] is stored


@pytest.mark.parametrize(
    "when", [("--at", FAR), ("--at", "2030-01-01T01:00+01:00"), ("--in", "1e6")]
)
def test_a_job_for_later_is_scheduled(admin: Admin, when: tuple[str, str]) -> None:
    answer = admin.json("enqueue", "A", *when)

    assert answer["place"] == "schedule"
    if when[0] == "--at":
        assert answer["at"] == float(FAR)
    assert admin.raw("ZCARD", "schedule") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["A", "text"], "text is written in quotes, '\"text\"'"),
        (["A", "NaN"], "argument 1 is not JSON"),
        (["A", "-q", "a b"], "queue must be"),
        (["A", "--at", "tomorrow"], "--at must be"),
        (["A", "--at", "2027-01-31T09:00"], "its offset from UTC"),
        (["A", "--retry", "often"], "--retry must be"),
        (["A", "--in", "-5"], "in"),
        (["A", "--in", "5", "--at", FAR], "at"),
    ],
)
def test_a_job_that_cannot_be_is_not_enqueued(
    admin: Admin, words: list[str], message: str
) -> None:
    assert message in admin("enqueue", *words, code=2).err

    assert admin.raw("EXISTS", "queues", "schedule") == 0


@pytest.mark.parametrize(("sidekiq", "kind"), [("8", int), ("7", float), ("6", float)])
def test_times_are_those_of_the_sidekiq_that_is_named(
    admin: Admin, sidekiq: str, kind: type
) -> None:
    admin("enqueue", "Mailer", "-q", "mail", "--sidekiq", sidekiq)
    later = admin("enqueue", "Mailer", "--at", FAR).out.strip()
    admin.variables["KIQ_TRIO_SIDEKIQ"] = sidekiq
    admin("jobs", "run", later)

    [pushed] = admin.do(lambda redis: waiting(redis, "mail"))
    [moved] = admin.do(lambda redis: waiting(redis, "default"))
    times = [json.loads(one)["enqueued_at"] for one in (pushed, moved)]
    assert [type(time) for time in times] == [kind, kind]


def test_another_sidekiq_is_none_that_we_know(admin: Admin) -> None:
    assert "--sidekiq" in admin("enqueue", "Mailer", "--sidekiq", "5", code=2).err


def test_a_deploy_is_marked_once(admin: Admin) -> None:
    assert admin("deploy-mark", "v1.2").out == "v1.2 is marked\n"

    # In the same minute, or else it is locked by the first.
    assert admin.json("deploy-mark", "v1.2")["label"] == "v1.2"
    [marks] = admin.raw("KEYS", "*-marks")
    assert admin.raw("HVALS", marks) == [b"v1.2"]


@pytest.mark.parametrize("label", ["", "  ", "<b>"])
def test_a_deploy_has_a_label_that_can_be_shown(admin: Admin, label: str) -> None:
    assert "label must be a text" in admin("deploy-mark", label, code=2).err
