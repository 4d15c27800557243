"""A class of jobs written as a class: another spelling of `@worker`."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar

from kiq_trio.errors import NoPerformError
from kiq_trio.job import Job
from kiq_trio.options import OPTIONS, make_options
from kiq_trio.worker import AnyWorker, FunctionWorker

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class _Performing(Protocol[P, R_co]):
    def perform(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


# Read from the class itself, these two know what its `perform` takes; a class method
# could not say that to a type checker.
class _New:
    """Make a job that calls the worker with these arguments: `Welcome.new(42)`."""

    def __get__(
        self, instance: object, owner: type[_Performing[P, R_co]]
    ) -> Callable[P, Job]:
        return _made_of(owner).new


class _Set:
    """Return the worker with other options, for one job or several."""

    def __get__(
        self, instance: object, owner: type[_Performing[P, R_co]]
    ) -> Callable[..., FunctionWorker[P, R_co]]:
        made: Any = _made_of(owner)
        changed: Callable[..., FunctionWorker[P, R_co]] = made.set
        return changed


class Worker:
    """A class of jobs, performed by a method `perform`, async or plain.

    The same as a function with `@worker`, for those who think in classes::

        class Welcome(Worker, queue="events", retry=10):
            async def perform(self, user_id: int) -> None: ...


        async with Kiq(workers=[Welcome]) as kiq:
            await kiq.enqueue(Welcome.new(42))

    Options are given in the class statement or as attributes of the class, which its
    subclasses inherit; those that are functions may be methods. Every run has an
    instance of its own, made without arguments, so jobs share nothing by accident.

    Args:
        name: the class name of its jobs, that of the class by default.
        **options: see `kiq_trio.options.Options`.

    Raises:
        ConfigError: an option is unknown or its value not allowed.
    """

    new = _New()
    set = _Set()
    _made: ClassVar[FunctionWorker[..., Any] | None] = None

    def __init_subclass__(cls, *, name: str | None = None, **options: Any) -> None:
        super().__init_subclass__()
        for option, value in options.items():
            setattr(cls, option, staticmethod(value) if callable(value) else value)
        # Without `perform` it only has options for others to inherit.
        if hasattr(cls, "perform"):
            there = {o: _read(cls, o) for o in OPTIONS if hasattr(cls, o)}
            cls._made = FunctionWorker(
                _on_an_instance(cls, "perform"),
                name=name or cls.__name__,
                options=make_options({**options, **there}),
            )


def as_worker(given: object) -> AnyWorker | None:
    """Return what runs the jobs of a worker of either spelling; None if it is none."""
    if isinstance(given, type) and issubclass(given, Worker):
        return _made_of(given)
    return given if isinstance(given, FunctionWorker) else None


def _made_of(owner: type) -> FunctionWorker[..., Any]:
    made: FunctionWorker[..., Any] | None = vars(owner).get("_made")
    if made is None:
        name = owner.__name__
        raise NoPerformError(f"{name} has no method perform, so it has no jobs")
    return made


def _read(cls: type, option: str) -> Any:
    """Return what the class says of *option*; a method becomes a function."""
    if inspect.isfunction(inspect.getattr_static(cls, option)):
        return _on_an_instance(cls, option)
    return getattr(cls, option)


def _on_an_instance(cls: type, name: str) -> Callable[..., Any]:
    """Return a function that calls the method *name* of an instance of its own."""
    method = getattr(cls, name)

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(cls(), name)(*args, **kwargs)

    signature = inspect.signature(method)
    if inspect.isfunction(inspect.getattr_static(cls, name)):
        _, *parameters = signature.parameters.values()
        signature = signature.replace(parameters=parameters)
    vars(call)["__signature__"] = signature
    return call
