"""`python -m tests.simulation 0 500` plays seeds; `--help` says how to replay one."""

import argparse
import os
import sys
import time

from tests.simulation.mutants import MUTANTS, no_mutant
from tests.simulation.world import simulate


def main() -> int:
    """Play seeds, and say which went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("after", type=int, nargs="?", help="the first not to play")
    parser.add_argument("--trace", action="store_true", help="show all that happens")
    parser.add_argument("--digest", action="store_true", help="show a sum of it")
    parser.add_argument("--mutant", choices=MUTANTS, help="play until it is caught")
    asked = parser.parse_args()
    mutant = MUTANTS.get(asked.mutant, no_mutant)
    after = asked.first + 1 if asked.after is None else asked.after
    began, wrong, jobs, extra, faults = time.process_time(), 0, 0, 0, 0
    for seed in range(asked.first, after):
        report = simulate(seed, mutant)
        jobs += report.jobs
        extra += report.extra
        faults += report.faults
        if asked.trace:
            sys.stdout.write("\n".join(report.trace) + "\n")
        if asked.digest:
            sys.stdout.write(f"{seed} {report.digest}\n")
        if report.violation is not None:
            wrong += 1
            sys.stdout.write(
                f"seed {seed}: {report.violation[:500]}\n"
                f"  replay it: python -m tests.simulation {seed} --trace\n"
            )
            if asked.mutant:
                break
    took = time.process_time() - began
    sys.stdout.write(
        f"{after - asked.first} seeds, {wrong} went wrong; {jobs} jobs, {faults} "
        f"faults, {extra} jobs ended more than once; {took:.1f} s of CPU\n"
    )
    return min(wrong, 1)


if __name__ == "__main__":
    # Sets are gone through in an order of Python's chance, which only this seeds.
    if os.environ.get("PYTHONHASHSEED") != "0":
        again = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
