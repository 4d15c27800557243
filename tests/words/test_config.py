"""Options that cannot work are refused, with the value and what is allowed."""

from datetime import timedelta

import pytest

from kiq_trio.config import make_config
from kiq_trio.errors import ConfigError
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
        ({"extra_reporters": [1]}, r"extra_reporters\[0\] must be a Reporter, got 1"),
    ],
)
def test_the_message_names_the_option_the_value_and_what_is_allowed(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(options)


def test_two_workers_of_one_name_are_refused() -> None:
    @worker(name="greet")
    async def other() -> None: ...

    with pytest.raises(ConfigError, match="two are called 'greet'"):
        make_config({"workers": [greet, other]})


def test_spans_may_be_timedeltas() -> None:
    config = make_config({"shutdown_timeout": timedelta(minutes=1)})

    assert config.shutdown_timeout == 60


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ({"beat": 0}, "timing.beat must be more than 0 s, got 0"),
        ({"beat": 10}, "2 beat must be less than timing.fence"),
        ({"fence": 30}, "timing.fence must be less than timing.burial, got 30 and 25"),
        ({"observe": 13}, "2 observe must be less than timing.burial"),
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
