"""The documentation tells a user of Sidekiq 6, 7 or 8 where everything is.

The names are those of its public methods, without `!`, `?` and what Ruby's own modules
bring. `tests/interop/test_names.py` asks a real Sidekiq for them; only 6 is at hand.
"""

import pytest

from tests.api.table import names_of_ruby

SINCE_7 = {
    "Stats": "queue_summaries",
    "QueueSummary": "name size latency paused",
    "JobRecord": "bid failed_at retried_at",
    "SortedEntry": "id score",
    "JobSet": "pop_each retry_all kill_all",
    "DeadSet": "trim kill",
    "ProcessSet": "cleanup leader",
    "Process": "version embedded leader weights",
    "WorkSet": "find_work find_work_by_jid each size",
    "Work": "queue run_at job payload",
}
SINCE_8 = {
    "Process": "capsules",
    "ProfileSet": "size each",
    "ProfileRecord": "started_at jid type token size elapsed key data",
    "IterableJobQuery": "IterableJobQuery",
}
OF_PRO = {
    "Queue": "pause unpause delete_job delete_by_class",
    "Batch": "Status BatchSet",
}


@pytest.mark.parametrize("names", [SINCE_7, SINCE_8, OF_PRO], ids=["7", "8", "Pro"])
def test_every_name_of_a_later_sidekiq_is_in_a_table(names: dict[str, str]) -> None:
    known = names_of_ruby()

    missing = {
        f"{owner}#{name}"
        for owner, methods in names.items()
        for name in methods.split()
        if name not in known
    }

    assert missing == set()
