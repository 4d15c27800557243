"""A web application on asyncio; its jobs are run by a service of its own.

    cd examples
    kiq-trio run service:kiq               # in one terminal
    hypercorn asyncio_app:app              # in another
    curl -X POST localhost:8000/reports -d name=daily -d name=weekly

Quart is one of many frameworks for asyncio. In FastAPI and Starlette, what is around
`yield` belongs into the application's `lifespan`.
"""

from collections.abc import AsyncGenerator

from quart import Quart, ResponseReturnValue, current_app, request
from service import print_report

from kiq_trio.clients import AsyncioClient

app = Quart(__name__)


@app.while_serving
async def open_client() -> AsyncGenerator[None, None]:
    """Keep a client open for as long as requests are served."""
    async with AsyncioClient() as jobs:
        current_app.extensions["jobs"] = jobs
        yield


@app.post("/reports")
async def enqueue_reports() -> ResponseReturnValue:
    """Enqueue a report for each name that is given."""
    names = (await request.form).getlist("name")
    jobs: AsyncioClient = current_app.extensions["jobs"]
    stored = await jobs.enqueue_many(print_report.new(name) for name in names)
    return {"jids": [job.jid for job in stored]}, 202
