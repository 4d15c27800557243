"""What we refuse would hurt a page of the real Web UI; what we take does not.

What hurts those of Sidekiq 8 only is in tests/journey/test_pages.py.
"""

import base64
import json
import time
import zlib
from typing import Any

import pytest

from kiq_trio import ConfigError
from kiq_trio.clients import SyncClient
from tests.interop.browser import Browser
from tests.interop.cluster import Cluster

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.server]

HTML = "<b>x</b>"
WRAPPER = "ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper"
MAIL = {"class": WRAPPER, "wrapped": "ActionMailer::MailDeliveryJob"}
OLD_MAIL = {"class": WRAPPER, "wrapped": "ActionMailer::DeliveryJob"}


def pack(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def pages(cluster: Cluster, browser: Browser, fields: dict[str, Any]) -> list[str]:
    """Return all that is shown of a job that waits for its retry; "" for an error."""
    now = time.time()
    shown = {"args": [], "jid": "1", "queue": "q", "created_at": now, **fields}
    payload = json.dumps({"failed_at": now, "retry_count": 0, **shown})
    cluster.client.zadd("retry", {payload: 1_795_318_226})
    cluster.client.lpush("queue:q", payload)
    cluster.client.sadd("queues", "q")
    paths = ["/retries", "/retries/1795318226.0-1", "/queues/q"]
    answers = [browser.get(path) for path in paths]
    return [page.text if page.status == 200 else "" for page in answers]


@pytest.mark.parametrize(
    "fields",
    [
        {"class": WRAPPER, "wrapped": "A", "args": []},
        {"class": WRAPPER, "wrapped": "A", "args": [1]},
        {"class": WRAPPER, "wrapped": "A", "args": [None]},
        {**MAIL, "args": [{"arguments": ["A", "b", "c"]}]},
        {**MAIL, "args": [{"arguments": [HTML, "b", "c", {"args": []}]}]},
        {**MAIL, "args": [{"arguments": ["A", HTML, "c", {"args": []}]}]},
        {**OLD_MAIL, "args": [{"arguments": [HTML, "b", "c"]}]},
        {**OLD_MAIL, "args": [{"arguments": ["A", HTML, "c"]}]},
        {"class": WRAPPER, "args": [{"job_class": HTML, "arguments": []}]},
        {"class": WRAPPER, "args": [{"job_class": "A", "arguments": [HTML]}]},
        {"class": "A", "error_backtrace": "junk"},
        {"class": "A", "error_backtrace": pack(f'["{HTML}"]')},
        {"class": "A", "tags": "x"},
        {"class": "A", "display_class": HTML},
        {"class": WRAPPER, "wrapped": HTML, "args": [{"arguments": []}]},
        {"class": "A", "bid": HTML},
        {"class": "A", "cattr": {"a": HTML}},
        {"class": "A", "of": [{"anybody": {HTML: 1}}]},
        {"class": "A", HTML: 1},
        {"class": "A", HTML: None},
    ],
)
def test_what_we_refuse_hurts_a_page(
    cluster: Cluster, client: SyncClient, browser: Browser, fields: dict[str, Any]
) -> None:
    shown = pages(cluster, browser, fields)

    assert not all(shown) or any(HTML in page for page in shown)
    with pytest.raises(ConfigError):
        client.enqueue(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"class": WRAPPER, "wrapped": "A::B", "args": [{"arguments": [HTML]}]},
        {**MAIL, "args": [{"arguments": ["A", "b", "c", {"args": [HTML]}]}]},
        {**OLD_MAIL, "args": [{"arguments": ["A", "b", "c", HTML]}]},
        {"class": WRAPPER, "args": [{"arguments": []}]},
        {"class": "A", "args": [HTML, {HTML: None}]},
        {"class": "A", "error_message": HTML, "error_class": "E"},
        {"class": "A", "error_backtrace": pack('["a.rb:1:in &lt;main&gt;"]')},
        {"class": "A", "tags": ["a"], "cattr": {"a": [1]}, "of": None, "bid": "b"},
    ],
)
def test_what_we_take_hurts_none(
    cluster: Cluster, client: SyncClient, browser: Browser, fields: dict[str, Any]
) -> None:
    shown = pages(cluster, browser, fields)

    assert all(shown)
    assert not any(HTML in page for page in shown)
    assert client.enqueue(fields).jid
