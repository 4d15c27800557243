"""Sidekiq's own API, asked from Python."""

import json
from typing import Any

import attrs

from tests.interop.program import Program


class RubyError(AssertionError):
    """What Ruby raised."""


@attrs.frozen
class Console:
    """A Ruby that has loaded Sidekiq; `console("Sidekiq::Stats.new.failed")`."""

    program: Program

    def __call__(self, code: str, **values: Any) -> Any:
        """Return what *code* is worth, as JSON says it.

        Args:
            code: any Ruby.
            **values: what its local variables are to be.
        """
        # JSON in JSON is a literal that Ruby reads.
        given = [
            f"{name} = JSON.parse({json.dumps(json.dumps(value))}, quirks_mode: true)\n"
            for name, value in values.items()
        ]
        self.program.stdin.write(f"{json.dumps(''.join(given) + code)}\n")
        self.program.stdin.flush()
        line = self.program.stdout.readline()
        assert line, f"the console has ended:\n{self.program.log}"
        answer = json.loads(line)
        if "error" in answer:
            raise RubyError(answer["error"])
        return answer["value"]
