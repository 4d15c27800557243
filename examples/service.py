"""A service: processes that run jobs, and a program that enqueues some.

    cd examples
    kiq-trio run service:kiq         # in one terminal, or in several
    python service.py                # in another

Both find Redis by the variable `REDIS_URL`, else on this machine. Without one,
`export REDIS_URL=embedded://` starts a server that they share.
"""

import random

import trio

from kiq_trio import Failed, Job, Kiq, Reporter, worker


@worker(queue="reports", retry=10, timeout=60)
async def fetch_rates(currency: str) -> None:
    """Ask somebody who is not always there: a failure is tried again, later."""
    await trio.sleep(0.2)
    if random.random() < 0.3:  # noqa: S311 - not a secret.
        raise ConnectionError(f"no rates for {currency} right now")
    print(f"rates for {currency} are here", flush=True)


@worker(queue="reports")
def print_report(name: str) -> None:
    """Do what blocks: a plain function gets a thread."""
    print(f"the {name} report is printed", flush=True)


@worker(name="Billing::Remind")
async def remind(user_id: int) -> None:
    """Run what Ruby processes enqueue, too, under the name they know."""
    print(f"user {user_id} is reminded", flush=True)


class Alarm(Reporter):
    """Speaks up when a job has failed."""

    async def handle_failure(self, job: Job, outcome: Failed) -> None:
        """Say which, and why."""
        print(f"{job.job_class} failed: {outcome.error}", flush=True)


kiq = Kiq(
    queues={"default": 25, "reports": 5},
    workers=[fetch_rates, print_report, remind],
    extra_reporters=[Alarm()],
)


async def main() -> None:
    """Enqueue jobs for now and for later, from a process that runs none."""
    async with Kiq(server=False) as client:
        await client.enqueue(print_report.new("daily"))
        await client.enqueue(remind.new(user_id=42), in_=2)
        await client.enqueue_many(fetch_rates.new(code) for code in ("EUR", "CHF"))
    print("four jobs are enqueued")


if __name__ == "__main__":
    trio.run(main)
