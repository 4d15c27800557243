"""Clients, processes and rescuers at work, and everything that can go wrong."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import attrs

from kiq_trio._wire.slot import Command
from tests.store.clients import Clients
from tests.store.direct import Commands, DirectServer, script_of
from tests.store.ledger import Ledger, take_snapshot
from tests.store.processes import Processes
from tests.store.services import Services
from tests.store.surroundings import QUEUES, Process, Work


@attrs.define(eq=False)
class Task:
    """Some work between two round trips."""

    name: str
    work: Work
    commands: Commands
    process: Process | None
    answers: list[Any] = attrs.Factory(list)


class World:
    """One run of everything; *chance* decides what happens next.

    Whatever goes wrong, the ledger must be right after every single command.
    """

    def __init__(
        self,
        chance: Random,
        *,
        mutants: Mapping[str, str] | None = None,
        is_torn: bool = False,
        is_forgetful: bool = False,
    ) -> None:
        self.chance = chance
        self.now = 1_800_000_000.0
        self.server = DirectServer(lambda: self.now, mutants)
        self.ledger = Ledger(is_torn=is_torn)
        self.losses = 0
        self.clients = Clients(self)
        self.processes = Processes(self)
        self.services = Services(self, self.processes)
        self.tasks: list[Task] = []
        self.past: list[Command] = []
        self.story: list[str] = []
        self._is_forgetful = is_forgetful
        self._counted = 0
        self._seen = take_snapshot(self.server)

    # What happens

    def play(self, steps: int) -> None:
        """Let *steps* things happen, then finish; a failure tells the story."""
        try:
            for _ in range(steps):
                self.step()
            self.finish()
        except AssertionError as error:
            for line in self.story[-40:]:
                error.add_note(line)
            raise

    def step(self) -> None:
        """Let one thing happen."""
        happenings: list[tuple[Callable[[], None], int]] = [
            (self._go_on, 60),
            (self._start, 30),
            (self._late_copy, 15),
            (self._let_time_pass, 3),
            (self._pause_or_resume, 1),
            (self._delete_empty_queue, 3),
            (self._crash, 1),
            (self._lose_data, 2 * self._is_forgetful),
        ]
        happen, weights = zip(*happenings, strict=True)
        self.chance.choices(happen, weights)[0]()

    def _start(self) -> None:
        starts = [
            (self.clients.start_enqueue, 9),
            (self.processes.start_process, 5),
            (self.processes.start_fetch, 10),
            (self.processes.start_settle, 10),
            (self.processes.start_beat, 3),
            (self.processes.start_leave, 1),
            (self.services.start_stage, 4),
            (self.services.start_move, 2),
            (self.services.start_rescue, 7),
        ]
        start, weights = zip(*starts, strict=True)
        self.chance.choices(start, weights)[0]()

    def _go_on(self) -> None:
        if not self.tasks:
            return
        task = self.chance.choice(self.tasks)
        fate = self.chance.random()
        command = task.commands[len(task.answers)]
        if fate < 0.1:
            self.story.append(f"lost request of {task.name}")
        elif self.ledger.is_torn and fate < 0.25 and script_of(command):
            self._tear(command)
        else:
            reply = self._run(command, task.name)
            if fate > 0.85:
                self.story.append(f"lost reply to {task.name}")
            else:
                task.answers.append(reply)
        if len(task.answers) == len(task.commands):
            self._resume(task)

    def _late_copy(self) -> None:
        if self.past:
            self._run(self.chance.choice(self.past), "late copy")

    def _let_time_pass(self) -> None:
        self.now += self.chance.choice((0.001, 1, 30))

    def _pause_or_resume(self) -> None:
        name = self.chance.choice(QUEUES)
        verb = self.chance.choice(("SADD", "SREM", "SREM"))
        self.server.do(verb, "paused", name)
        self._seen = take_snapshot(self.server)

    def _delete_empty_queue(self) -> None:
        name = self.chance.choice(QUEUES)
        if name not in self._seen.queues:
            self.server.do("SREM", "queues", name)
            self._seen = take_snapshot(self.server)

    def _lose_data(self) -> None:
        """Let Redis come back empty; what was on its way to the old one is gone."""
        self.story.append("Redis loses its data")
        self.server.do("FLUSHALL")
        self.losses += 1
        self.past.clear()
        for task in self.tasks:
            task.answers.clear()
        self.ledger.forget()
        self._seen = take_snapshot(self.server)

    def _crash(self) -> None:
        if self.tasks and self.chance.random() < 0.5:
            self._drop(self.chance.choice(self.tasks))
        elif working := [p for p in self.processes.all if p.is_alive]:
            self.kill(self.chance.choice(working))

    def kill(self, process: Process) -> None:
        """End *process* without a word."""
        self.story.append(f"{process.identity} dies")
        process.is_alive = False
        for task in [t for t in self.tasks if t.process is process]:
            self._drop(task)

    def _drop(self, task: Task) -> None:
        if task.process is not None and task.process.is_alive:
            return self.kill(task.process)
        self.tasks.remove(task)
        task.work.close()
        return None

    # Commands and their consequences

    def _run(self, command: Command, why: str) -> Any:
        self._tell(command, why)
        if script_of(command) or command[0] == "HDEL":
            self.past.append(command)
        reply = self.server.run(command)
        before, self._seen = self._seen, take_snapshot(self.server)
        self.ledger.check(command, before, self._seen, self.now)
        return reply

    def _tear(self, command: Command) -> None:
        self._tell(command, "torn")
        self.past.append(command)
        self.server.tear(command, self.chance.randint(0, 3))
        before, self._seen = self._seen, take_snapshot(self.server)
        self.ledger.check_torn(command, before, self._seen)

    def _tell(self, command: Command, why: str) -> None:
        script = script_of(command)
        words = [script.name, *command[3:]] if script else command
        self.story.append(f"{why}: {' '.join(map(str, words))}")

    def begin(self, name: str, work: Work, process: Process | None = None) -> None:
        task = Task(name, work, (), process)
        self.tasks.append(task)
        self._resume(task, begin=True)

    def _resume(self, task: Task, *, begin: bool = False) -> None:
        answers, task.answers = task.answers, []
        try:
            task.commands = task.work.send(None if begin else answers)
        except StopIteration:
            self.tasks.remove(task)
            self._check_known()

    def _check_known(self) -> None:
        """No process holds a job that it was not told of, or misses one it was."""
        for process in self.processes.all:
            held = self._seen.backups.get(process.identity, {}).keys()
            if not process.is_working:
                continue
            known = process.running.keys() | process.settling.keys()
            coming = tuple(process.fetching.values())
            unknown = {id_ for id_ in held - known if not id_.startswith(coming)}
            assert not unknown, f"{process.identity} does not know of {unknown}"
            if process.identity in self._seen.processes:
                missing = process.running.keys() - held
                assert not missing, f"{missing} were taken from {process.identity}"

    # For the cast

    def is_busy(self, name: str) -> bool:
        return any(task.name == name for task in self.tasks)

    def is_stored(self, jid: bytes) -> bool:
        return bool(self._seen.copies[jid] or self.ledger.acked[jid])

    def count(self) -> int:
        self._counted += 1
        return self._counted

    # The end

    def finish(self) -> None:
        """Let everybody die, a last process work off what is left; all adds up."""
        for task in list(self.tasks):
            if task in self.tasks:
                self._drop(task)
        for process in self.processes.all:
            process.is_alive = False
        self.server.do("DEL", "paused")
        self.now += 100
        self._alone(self.services.bury_all())
        for source in ("schedule", "retry"):
            self._alone(self.services.stage(source))
        last = Process("last")
        self.processes.all.append(last)
        self._alone(self.processes.register(last))
        for queue in QUEUES:
            self._alone(self.processes.work_off(last, queue))
        self._alone(self.processes.leave(last))
        self._check_end()

    def _alone(self, work: Work) -> None:
        self.begin("the end", work)
        while self.tasks:
            (task,) = self.tasks
            replies = [self._run(command, task.name) for command in task.commands]
            task.answers = replies
            self._resume(task)

    def _check_end(self) -> None:
        end = self._seen
        assert not end.queues
        assert not end.sets["schedule"]
        assert not end.sets["retry"]
        in_doubt = (end.processes, end.backup_ids, end.graves, end.backups, end.calls)
        assert not any(in_doubt), f"left behind: {in_doubt}"
        for jid in self.ledger.stored:
            assert self.ledger.acked[jid] or end.copies[jid], f"{jid!r} is lost"
