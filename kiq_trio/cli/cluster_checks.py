"""Whether everybody is alive and every job will run: what a doctor looks at next."""

from collections.abc import Iterator, Mapping
from typing import Any

from kiq_trio import encoder
from kiq_trio.cli.diagnosis import Finding, Patient, bad, odd, well
from kiq_trio.errors import DecodeError

_LATE = 60.0
_LABEL = "kiq_trio"


def check_types(patient: Patient) -> Iterator[Finding]:
    """A key of another type makes every command on it fail."""
    for key, (wanted, found) in sorted(patient.facts.misfits.items()):
        yield bad(
            "keys",
            f"{key!r} is a {found}, but should be a {wanted}",
            "Find out who wrote it, and rename it; Redis may be shared with another "
            "program.",
        )
    if not patient.facts.misfits:
        yield well("keys", "all are of the right type")


def check_processes(patient: Patient) -> Iterator[Finding]:
    """Who is registered beats; who is shown beats for people to see."""
    facts = patient.facts
    ours = {identity for identity, shown in facts.shown.items() if _is_ours(shown)}
    silent = sorted(facts.registered - {one for one in facts.shown if facts.shown[one]})
    unknown = sorted(ours - facts.registered)
    stale = sorted(one for one, shown in facts.shown.items() if not shown)
    if silent:
        finding = f"registered, but silent for a minute: {_list(silent)}"
        advice = "Others bury them and take their jobs; if none does, start a process."
        yield odd("processes", finding, advice)
    if unknown:
        finding = f"shown, but not registered: {_list(unknown)}"
        advice = "They were taken for dead; look into their logs if they stay."
        yield odd("processes", finding, advice)
    if stale:
        finding = f"listed, but silent for a minute: {_list(stale)}"
        advice = "They were killed; Sidekiq's Web UI removes them when it is looked at."
        yield odd("processes", finding, advice)
    if not facts.shown.keys() - set(stale):
        yield odd("processes", "none runs", "Start one: kiq-trio run.")
    elif not (silent or unknown or stale):
        number = len(facts.shown)
        yield well("processes", f"{number} run, {len(facts.registered)} of them ours")


def check_orphans(patient: Patient) -> Iterator[Finding]:
    """What the dead held is given back by the living."""
    facts = patient.facts
    orphans = sorted(facts.backups - facts.graves - facts.registered)
    left = [*sorted(facts.graves), *orphans]
    if not left:
        yield well("orphans", "nobody has left jobs behind")
        return
    finding = f"jobs may have been left behind by {_list(left)}"
    if facts.registered - facts.graves:
        advice = "Wait half a minute: those who live give them back."
    else:
        advice = "Start a process: it gives them back."
    yield odd("orphans", finding, advice)


def check_queues(patient: Patient) -> Iterator[Finding]:
    """A queue that nobody works off only grows."""
    facts = patient.facts
    served = {name for shown in facts.shown.values() for name in _queues_of(shown)}
    busy = {name: number for name, number in facts.waiting.items() if number}
    for name, number in busy.items():
        finding = f"{_tell_waiting(number)} in {name!r}"
        if name not in served:
            advice = f"Start a process for it: kiq-trio run -q {name}=25."
            yield odd("queues", f"{finding}, which nobody serves", advice)
        elif name in facts.paused:
            advice = "Resume it when it may go on."
            yield odd("queues", f"{finding}, which is paused", advice)
    if not busy.keys() - served and not busy.keys() & facts.paused:
        total = sum(busy.values())
        where = "in a served queue" if total == 1 else "all of them in served queues"
        yield well("queues", f"{_tell_waiting(total)}, {where}")


def check_schedules(patient: Patient) -> Iterator[Finding]:
    """What is due is moved by any process whose `schedulers` say so."""
    facts = patient.facts
    late = {
        name: facts.time - due_at
        for name, due_at in facts.due_at.items()
        if facts.time - due_at > _LATE
    }
    for name, seconds in late.items():
        finding = f"a job of {name!r} has been due for {seconds:,.0f} s"
        advice = f"Start a process whose schedulers include {name!r}."
        yield odd("schedules", finding, advice)
    if not late:
        yield well("schedules", "what is due is moved in time")


def _tell_waiting(number: int) -> str:
    return "1 job waits" if number == 1 else f"{number:,} jobs wait"


def _is_ours(shown: Mapping[str, bytes]) -> bool:
    return _LABEL in _info_of(shown).get("labels", ())


def _queues_of(shown: Mapping[str, bytes]) -> list[str]:
    queues = _info_of(shown).get("queues", ())
    return [name for name in queues if isinstance(name, str)]


def _info_of(shown: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        info = encoder.decode(shown.get("info", b"{}"))
    except DecodeError:
        return {}
    return info if isinstance(info, dict) else {}


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


CHECKS = (
    check_types,
    check_processes,
    check_orphans,
    check_queues,
    check_schedules,
)
