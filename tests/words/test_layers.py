"""Options come from the class, the caller and the hook, and the last one counts."""

from typing import Any

import pytest

from kiq_trio import ConfigError, Kiq, worker
from kiq_trio.config import OPTIONS


@worker()
async def greet() -> None: ...


class AppKiq(Kiq):
    redis_url = "memory://"
    queues = {"default": 5, "mail": 2}  # noqa: RUF012 - what users write.
    workers = [greet]  # noqa: RUF012
    shutdown_timeout = 10


class QuickKiq(AppKiq):
    shutdown_timeout = 1


def test_class_attributes_are_options_nearest_first() -> None:
    config = QuickKiq().config

    assert config.concurrency == {"default": 5, "mail": 2}
    assert config.workers == {"greet": greet}
    assert config.shutdown_timeout == 1


def test_a_base_that_is_no_kiq_gives_options_too() -> None:
    class Shared:
        tag = "blue"
        redis_url = "memory://"

    class Both(Kiq, Shared): ...

    assert Both().config.tag == "blue"


def test_arguments_go_before_class_attributes_option_by_option() -> None:
    kiq = AppKiq(queues={"low": 1}, redis_url="redis://elsewhere:1/0")

    assert kiq.config.concurrency == {"low": 1}
    assert kiq.config.shutdown_timeout == 10
    assert "elsewhere:1" in repr(kiq)


def test_a_subclass_is_shown_by_its_own_name() -> None:
    assert repr(QuickKiq()).startswith("<QuickKiq on memory://")


def test_a_function_of_the_class_is_a_method_and_a_property_is_asked() -> None:
    class Later(Kiq):
        redis_url = "memory://"

        @property
        def tag(self) -> str:
            return type(self).__name__

        def on_lead(self) -> str:
            return self.config.tag

    [on_lead] = Later().config.on_lead

    assert on_lead() == "Later"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"queue": "low"}, "Odd.queue is no option; did you mean 'queues'"),
        ({"worker": [greet]}, "Odd.worker is no option; did you mean 'workers'"),
        ({"shutdown_timout": 3}, "did you mean 'shutdown_timeout'"),
        ({"embedded": False}, "Odd.embedded is no option, but an argument of the"),
        ({"queues": {"mail": 0}}, r"queues\['mail'\] must be a whole number"),
        ({"redis_url": 5}, "redis_url must be a URL or a Server, got a int"),
    ],
)
def test_a_class_attribute_that_cannot_work_is_refused(
    attributes: dict[str, Any], message: str
) -> None:
    odd = type("Odd", (Kiq,), attributes)

    with pytest.raises(ConfigError, match=message):
        odd()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"clock": 5}, "clock must be a function or None, got 5"),
        ({"random": 0.5}, "random must be a function, got 0.5"),
        ({"embedded": "no"}, "embedded must be True or False, got 'no'"),
    ],
)
def test_an_argument_that_cannot_work_is_refused(
    argument: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        AppKiq(**argument)


def test_what_is_a_subclasses_own_affair_is_left_alone() -> None:
    class Own(AppKiq):
        queue = "mail"
        queues = {queue: 1}  # noqa: RUF012
        colour = "blue"
        tags = ("a", "b")
        _worker = None

        def worker(self) -> None: ...

        @property
        def thread(self) -> int:
            return 1

    assert Own().config.concurrency == {"mail": 1}


def test_a_url_may_stand_in_client_opts_of_any_layer() -> None:
    class Old(Kiq):
        client_opts = {"redis_url": "redis://old:1/0"}  # noqa: RUF012

    assert "old:1" in repr(Old())
    assert "new:2" in repr(Old(redis_url="redis://new:2/0"))
    new = AppKiq(client_opts={"redis_url": "redis://new:2/0", "command_timeout": 9})
    assert "new:2" in repr(new)
    assert new.config.client_opts == {"command_timeout": 9}


def test_two_urls_in_one_layer_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"redis_url or client_opts.* not both"):
        Kiq(redis_url="memory://", client_opts={"redis_url": "memory://"})


def test_a_url_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://fallback:1/0")

    assert "fallback:1" in repr(Kiq())
    assert "memory://" in repr(AppKiq())
    assert "memory://" in repr(AppKiq(redis_url=None))


def test_an_override_goes_before_all() -> None:
    kiq = AppKiq(queues={"low": 1})

    kiq.override(queues={"high": 3})
    kiq.override(shutdown_timeout=2)

    assert kiq.config.concurrency == {"high": 3}
    assert kiq.config.shutdown_timeout == 2


def test_an_override_that_cannot_work_changes_nothing() -> None:
    kiq = AppKiq()

    with pytest.raises(ConfigError, match="did you mean 'queues'"):
        kiq.override(queus={})

    assert kiq.config.concurrency == {"default": 5, "mail": 2}


def test_no_option_is_called_like_something_else_a_kiq_has() -> None:
    assert not [name for name in OPTIONS if hasattr(Kiq, name)]
