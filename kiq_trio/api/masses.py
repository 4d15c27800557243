"""What is done to many jobs of one place, page by page."""

from collections.abc import Callable

from kiq_trio._store.browsing import Placed
from kiq_trio._store.finding import Wanted, find
from kiq_trio._store.tending import Deed, OnPage, tend, tend_all
from kiq_trio._wire.client import Redis


async def do_to_all(
    redis: Redis,
    place: str,
    wanted: Wanted,
    deed: Deed,
    on_page: OnPage,
    *,
    stays: Callable[[Placed], bool] = lambda _: False,
) -> int:
    """Do *deed* to the jobs of *place* that are *wanted*; return to how many.

    Args:
        redis: where.
        place: whose jobs.
        wanted: which; all of them if nothing matters.
        deed: takes a page, returns how many jobs of it were still there.
        on_page: told how far it is.
        stays: whether *deed* leaves a job where it is.
    """
    if wanted:
        return await tend(await find(redis, [place], wanted), deed, on_page)
    return await tend_all(redis, place, deed, on_page, stays=stays)
