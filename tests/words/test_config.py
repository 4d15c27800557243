"""Options that cannot work are refused, with the value and what is allowed."""

from datetime import timedelta

import pytest

from kiq_trio.config import OPTIONS, make_config
from kiq_trio.errors import ConfigError
from kiq_trio.queue import Queue
from kiq_trio.timing import Timing
from kiq_trio.worker import worker


@worker()
async def greet() -> None: ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queues": {"mail": 0}}, r"queues\['mail'\] must be a whole number of 1 or"),
        ({"queues": {"a b": 1}}, "queues: a name is"),
        ({"queues": ["default"]}, "queues must map names to numbers"),
        ({"queues": {"mail": "5"}}, r"or more, or a Queue, got '5'"),
        ({"on_full": "drop"}, "on_full must be one of 'wait', 'raise', got 'drop'"),
        ({"queus": {}}, "unknown option 'queus'; did you mean 'queues'"),
        ({"shutdown_timeout": -1}, "shutdown_timeout must be a number of 0 or more"),
        ({"buffer_limit": 1.5}, "buffer_limit must be a whole number .* got 1.5"),
        ({"schedulers": ["later"]}, "schedulers may hold 'retry' and 'schedule'"),
        ({"shutdown_timeout": float("nan")}, "shutdown_timeout must be a number"),
        ({"server": 1}, "server must be True or False, got 1"),
        ({"tag": 5}, "tag must be text, got 5"),
        ({"timing": 1}, "timing must be a Timing, got 1"),
        ({"workers": greet}, "workers must be a list, got <Worker greet>"),
        ({"schedulers": "retry"}, "schedulers must be a list, got 'retry'"),
        ({"workers": [print]}, r"workers\[0\] must be made by @worker"),
        ({"log_format": "xml"}, "log_format must be one of 'json', 'human', got 'xml'"),
        ({"client_opts": []}, r"client_opts must map names to values, got \[\]"),
        ({"client_opts": {"db": 1}}, "client_opts may hold 'redis_url' and .*'db'"),
        (
            {"client_opts": {"command_timeout": 0}},
            r"client_opts\['command_timeout'\] must be more than 0 s, got 0",
        ),
        ({"on_death": [1]}, r"on_death\[0\] must be a function .* got 1"),
        ({"campaign": 1}, "campaign must be True or False, got 1"),
        ({"on_lead": 1}, "on_lead must be a list, got 1"),
        ({"on_lead_lost": [1]}, "on_lead_lost must hold functions, got 1"),
        ({"extra_reporters": [1]}, r"extra_reporters\[0\] must be a Reporter, got 1"),
    ],
)
def test_the_message_names_the_option_the_value_and_what_is_allowed(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(options)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "redis_url"])
def test_every_option_refuses_what_it_cannot_be_by_its_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}.* got <object object"):
        make_config({name: object()})


def test_two_workers_of_one_name_are_refused() -> None:
    @worker(name="greet")
    async def other() -> None: ...

    with pytest.raises(ConfigError, match="two are called 'greet'"):
        make_config({"workers": [greet, other]})


@pytest.mark.parametrize(
    "name", ["shutdown_timeout", "fetch_interval", "flush_interval", "dead_timeout"]
)
def test_spans_may_be_timedeltas(name: str) -> None:
    config = make_config({name: timedelta(minutes=1)})

    assert getattr(config, name) == 60


def test_the_connections_span_goes_before_that_of_the_timing() -> None:
    timing = Timing(command=7)
    client_opts = {"command_timeout": timedelta(seconds=2)}

    assert make_config({"timing": timing}).command_timeout == 7
    assert (
        make_config({"timing": timing, "client_opts": client_opts}).command_timeout == 2
    )


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("client_opts", {}),
        ("dead_limit", 10_000),
        ("dead_timeout", 180 * 86_400),
        ("extra_reporters", ()),
        ("fetch_interval", 0.5),
        ("flush_interval", 0.01),
        ("periodics", ()),
        ("pool_size", 5),
        ("queues", {"default": Queue(25)}),
        ("schedulers", ("retry", "schedule")),
        ("server", True),
        ("shutdown_timeout", 25),
        ("test_mode", "disabled"),
    ],
)
def test_the_defaults_are_kiqs(name: str, default: object) -> None:
    assert getattr(make_config({}), name) == default


def test_a_lead_lasts_as_long_as_kiqs() -> None:
    assert (Timing().lead, Timing().renewal) == (30, 10)


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ({"beat": 0}, "timing.beat must be more than 0 s, got 0"),
        ({"beat": 10}, "2 beat must be less than timing.fence"),
        ({"fence": 30}, "timing.fence must be less than timing.burial, got 30 and 25"),
        ({"renewal": 15}, "2 renewal must be less than timing.lead, got 30 and 30"),
        ({"observe": 6.25}, "4 observe must be less than timing.burial"),
    ],
)
def test_periods_that_do_not_fit_each_other_are_refused(
    periods: dict[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Timing(**periods)


def test_scaled_periods_keep_their_proportions() -> None:
    timing = Timing().scaled(0.1)

    assert (timing.beat, timing.burial, timing.retry) == (0.5, 2.5, 0.1)
