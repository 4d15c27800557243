"""A web application on Flask; its jobs are run by a service of its own.

    cd examples
    kiq-trio run service:kiq               # in one terminal
    flask --app flask_app run              # in another
    curl -X POST localhost:5000/reminders -d user_id=42

Both find Redis by the variable `REDIS_URL`, else on this machine. Workers are only
imported here, to say what is to be done; Trio does not run in this process.
"""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from service import remind

from kiq_trio import UnknownOutcomeError
from kiq_trio.clients import SyncClient

# One for all threads, and for all processes that are forked from this one.
jobs = SyncClient(timeout=5)

app = Flask(__name__)


@app.post("/reminders")
def enqueue_reminder() -> ResponseReturnValue:
    """Answer when Redis has the job: from then on it cannot be lost."""
    user_id = int(request.form["user_id"])
    # Unique, so that whoever asks again after an error gets no second reminder.
    job = jobs.enqueue(remind.set(unique_for=3600).new(user_id), in_=2)
    return {"jid": job.duplicate_of or job.jid}, 202


@app.errorhandler(UnknownOutcomeError)
def sorry(error: UnknownOutcomeError) -> ResponseReturnValue:
    """Ask to come back: Redis is away."""
    return {"error": str(error)}, 503
