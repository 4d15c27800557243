"""The demonstration's audit must find what is wrong, or it proves nothing."""

from collections import Counter

import attrs
import pytest

from kiq_trio.cli.audit import (
    Evidence,
    Expected,
    account,
    add_up,
    count_in_two_places,
)

MAILS = Expected("mail", ("a", "b", "c"), runs=1, dies=False)
BOMBS = Expected("bomb", ("x",), runs=1, dies=True)

FINE = Evidence(
    began=Counter("abcx"), ended=Counter("abc"), places={"x": "dead"}, in_flight=()
)


def test_done_and_dead_are_all_there_is() -> None:
    rows = [account(MAILS, FINE), account(BOMBS, FINE)]
    total = add_up(rows)

    assert (total.enqueued, total.done, total.dead, total.lost) == (4, 3, 1, 0)
    assert total.is_proven


@pytest.mark.parametrize(
    "places", [{}, {"c": "queue:default"}, {"c": "retry"}, {"c": "kiq:backup|me"}]
)
def test_what_did_not_do_its_work_is_lost_wherever_it_is(
    places: dict[str, str],
) -> None:
    row = account(MAILS, attrs.evolve(FINE, ended=Counter("ab"), places=places))

    assert row.lost == 1
    assert not row.is_proven


def test_what_did_its_work_and_is_still_in_redis_is_not_done() -> None:
    row = account(MAILS, attrs.evolve(FINE, places={"c": "queue:default"}))

    assert (row.done, row.lost) == (2, 1)
    assert not row.is_proven


def test_who_should_be_done_and_is_dead_proves_nothing() -> None:
    row = account(MAILS, attrs.evolve(FINE, ended=Counter("ab"), places={"c": "dead"}))

    assert (row.done, row.dead, row.lost) == (2, 1, 0)
    assert not row.is_proven


def test_who_should_be_dead_and_is_done_proves_nothing() -> None:
    row = account(BOMBS, attrs.evolve(FINE, ended=Counter("x"), places={}))

    assert row.lost == 0
    assert not row.is_proven


@pytest.mark.parametrize(("in_flight", "is_proven"), [({"b"}, True), ({"a"}, False)])
def test_only_what_was_in_flight_may_run_twice(
    in_flight: set[str], *, is_proven: bool
) -> None:
    row = account(MAILS, attrs.evolve(FINE, began=Counter("abbc"), in_flight=in_flight))

    assert row.run_again == 1
    assert row.is_proven is is_proven


def test_a_job_in_two_places_is_seen() -> None:
    assert count_in_two_places([("a", "dead"), ("b", "retry"), ("a", "retry")]) == 1
