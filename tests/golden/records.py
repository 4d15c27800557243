"""What Sidekiqs of several ages show of themselves, as it lies in Redis."""

from collections.abc import Mapping

Record = Mapping[str, str]

EIGHT: Record = {
    "info": '{"hostname":"vm","started_at":1795318252.5606086,"pid":31416,'
    '"tag":"mytag","capsules":{"default":{"concurrency":5,"mode":"weighted",'
    '"weights":{"default":2,"low":0}},"single":{"concurrency":1,"mode":"strict",'
    '"weights":{"single":0}}},"queues":["default","low","single"],'
    '"weights":[{"default":2,"low":0},{"single":0}],"labels":["reliable"],'
    '"identity":"vm:31416:0a84727fd372","version":"8.1.7","embedded":false}',
    "concurrency": "6",
    "busy": "2",
    "beat": "1795318282.5891955",
    "rtt_us": "74",
    "quiet": "false",
    "rss": "27936",
}
"""8.1.7 (wire.md §4.3)."""

SEVEN: Record = {
    "info": '{"hostname":"vm","started_at":1795318252.5606086,"pid":31416,'
    '"tag":"","concurrency":5,"queues":["default","low"],'
    '"weights":[{"default":2,"low":0}],"labels":[],'
    '"identity":"vm:31416:0a84727fd372","version":"7.3.10","embedded":false}',
    "busy": "0",
    "beat": "1795318282.5891955",
    "rtt_us": "74",
    "quiet": "false",
    "rss": "27936",
}
"""7.3, by the table of versions there: no capsules, and threads told in `info`."""

SIX: Record = {
    "rss": "31440",
    "busy": "1",
    "info": '{"hostname":"vm","started_at":1795649172.4001796,"pid":12078,"tag":"",'
    '"concurrency":5,"queues":["specimens"],"labels":[],'
    '"identity":"vm:12078:f4edebb4dad5"}',
    "quiet": "true",
    "beat": "1795649177.409015",
    "rtt_us": "83",
}
"""6.4.1, as the tests of tests/interop have met it."""

RUN = '{"queue":"low","payload":"{\\"retry\\":true}","run_at":1795318252}'
"""A running job (wire.md §4.6), its payload shortened there."""

BEGUN: Record = {"ex": "1", "c": "14", "rt": "7.010404526"}
"""An iterable job that was interrupted (wire.md §6)."""
