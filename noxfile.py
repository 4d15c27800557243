"""The project's chores: `nox` runs tests, types and lint."""

import nox

nox.options.sessions = ["tests", "types", "lint"]
nox.options.default_venv_backend = "uv|virtualenv"

PYTHONS = nox.project.python_versions(
    nox.project.load_toml("pyproject.toml"), max_version="3.13"
)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests and report which branches they took."""
    session.install("-e", ".[test]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types: all of it with mypy, the public face with pyright."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("pyright", "kiq_trio")


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of the code."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Ask PyPI whether anything that comes with us has known holes."""
    session.install("pip-audit", ".[all,otel,prometheus]")
    session.run("pip-audit", "--local", "--skip-editable", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install("-e", ".[all,otel,prometheus,docs]")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "docs/_build/html")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure, against the bare loop of the same run; `-- --docs` makes the page."""
    session.install("-e", ".[all]")
    session.run("python", "-m", "bench", *session.posargs)


@nox.session(name="bench-peers", default=False)
def bench_peers(session: nox.Session) -> None:
    """Measure beside other systems, each in an environment of its own."""
    session.install("-e", ".[all]")
    session.run("python", "-m", "bench.peers", *session.posargs)


SMALL = ["--jobs", "50000", "--worker-kills", "50", "--server-kills", "5"]


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Break everything for real, in less than ten minutes on two cores."""
    session.install("-e", ".[test]")
    both = ("-n", "2", "--dist", "loadgroup")
    session.run("pytest", *both, "-rP", "-m", "faults", *session.posargs)
    session.run("python", "-m", "tests.faults.million", *SMALL)


LONG = {
    "KIQ_TRIO_FAULTS": "long",
    "KIQ_SIMULATION_SEEDS": "10000",
    "KIQ_REPLAY_SEEDS": "3400",
}
UPSETS = (
    "tests/faults",
    "tests/simulation",
    "tests/store/test_replay.py",
    "tests/wire/test_cancellation.py",
    "tests/journey/test_any_bytes.py",
)


@nox.session(name="faults-long", default=False)
def faults_long(session: nox.Session) -> None:
    """Break everything for long; `-- million` is one million jobs and nothing else."""
    session.install("-e", ".[test]")
    chosen = session.posargs[:1] == ["million"]
    if not chosen:
        # A look at a thread that runs, after two minutes, has ended the process.
        calm = ("-o", "faulthandler_timeout=0")
        session.run("pytest", "-s", *calm, *UPSETS, *session.posargs, env=LONG)
    million = session.posargs[1:] if chosen else []
    session.run("python", "-m", "tests.faults.million", *million)


@nox.session(name="faults-peers", default=False)
def faults_peers(session: nox.Session) -> None:
    """Kill a worker, ours and theirs: how long until its job runs again."""
    session.install("-e", ".[all]")
    session.run("python", "-m", "bench.peers.kill", *session.posargs)
