"""A web application that runs its own jobs, in one process and one event loop.

    python examples/web_app.py
    curl -X POST localhost:8000/welcome -H 'content-type: application/json' \
        -d '{"user_id": 42}'
    curl localhost:8000/stats

The `Kiq` is opened around the server, so it is there as long as a request may need
it: on Ctrl-C or TERM first the server stops, then the jobs have time to finish.
"""

import signal

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import ResponseReturnValue, request
from quart_trio import QuartTrio

from kiq_trio import Kiq, worker


@worker(queue="mail", retry=10, timeout=30)
async def welcome(user_id: int) -> None:
    """Take the time that sending a mail takes."""
    await trio.sleep(0.1)
    print(f"welcome, user {user_id}")


def make_app(kiq: Kiq) -> QuartTrio:
    """Return an application that enqueues with *kiq*."""
    app = QuartTrio(__name__)

    @app.post("/welcome")
    async def enqueue_welcome() -> ResponseReturnValue:
        given = await request.get_json()
        # Answered when Redis has the job: from then on it cannot be lost.
        job = await kiq.enqueue(welcome.new(user_id=given["user_id"]))
        return {"jid": job.jid}, 202

    @app.get("/stats")
    async def stats() -> ResponseReturnValue:
        return {"succeeded": kiq.stats.succeeded, "failed": kiq.stats.failed}

    return app


async def stop_asked() -> None:
    """Wait for Ctrl-C or TERM."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(signals)


async def main(
    redis_url: str | None = None,
    bind: str = "127.0.0.1:8000",
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until asked to stop; as a task, it starts with the URLs it serves."""
    config = Config()
    config.bind = [bind]
    async with Kiq(redis_url=redis_url, queues={"mail": 10}, workers=[welcome]) as kiq:
        await serve(
            make_app(kiq),
            config,
            shutdown_trigger=stop_asked,
            task_status=task_status,
        )


if __name__ == "__main__":
    trio.run(main)
