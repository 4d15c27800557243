"""Arguments become JSON by their types, and are made of it again by the hints."""

import dataclasses
import logging
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import pytest
from cattrs import Converter
from hypothesis import given
from hypothesis import strategies as st

from kiq_trio import ArgumentError, ConfigError, EncodeError, Job, worker
from kiq_trio.converter import make_converter
from kiq_trio.worker import FunctionWorker


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Size(StrEnum):
    SMALL = "s"
    LARGE = "l"


class Point(NamedTuple):
    x: int
    y: float


class Named(TypedDict):
    name: str
    born: date


@attrs.define
class Line:
    sku: str
    count: int
    price: Decimal | None = None


@dataclasses.dataclass
class Order:
    id: UUID
    placed_at: datetime
    lines: list[Line]
    tags: frozenset[str] = frozenset()
    colours: dict[str, Colour] = dataclasses.field(default_factory=dict)
    span: timedelta = timedelta(0)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
zones = st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=5, minutes=45)))
datetimes = st.datetimes(timezones=zones)
decimals = st.decimals(allow_nan=False)
spans = st.timedeltas(timedelta(days=-9999), timedelta(days=9999))
lines = st.builds(Line, texts, st.integers(), st.none() | decimals)
ROUND_TRIPS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str | int | None, texts | st.integers() | st.none()),
    (datetime, datetimes),
    (datetime | None, st.none() | datetimes),
    (date, st.dates()),
    (time, st.times()),
    (timedelta, spans),
    (UUID, st.uuids()),
    (Decimal, decimals),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Size, st.sampled_from(Size)),
    (set[int], st.sets(st.integers())),
    (frozenset[UUID], st.frozensets(st.uuids())),
    (tuple[int, str], st.tuples(st.integers(), texts)),
    (tuple[date, ...], st.lists(st.dates()).map(tuple)),
    (list[dict[str, Size]], st.lists(st.dictionaries(texts, st.sampled_from(Size)))),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (Point, st.builds(Point, st.integers(), st.floats(-1e9, 1e9))),
    (Named, st.fixed_dictionaries({"name": texts, "born": st.dates()})),
    (Line, lines),
    (
        Order,
        st.builds(
            Order,
            st.uuids(),
            datetimes,
            st.lists(lines, max_size=3),
            st.frozensets(texts, max_size=3),
            st.dictionaries(texts, st.sampled_from(Colour), max_size=3),
            spans,
        ),
    ),
]


def taking(hint: Any, **options: Any) -> FunctionWorker[..., Any]:
    def work(given: Any, *more: Any) -> None: ...

    work.__annotations__ = {"given": hint, "more": hint}
    return worker(**options)(work)


@pytest.mark.parametrize(("hint", "values"), ROUND_TRIPS, ids=str)
@given(data=st.data())
def test_an_argument_comes_back_as_what_it_was(
    hint: Any, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    one = taking(hint)
    sent = [data.draw(values), data.draw(values)]

    job = Job.decode(one.new(*sent).encode())
    taken = one.take(job.args)

    assert list(taken) == sent
    assert [type(value) for value in taken] == [type(value) for value in sent]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 11, 25, 22, 11, tzinfo=UTC), "2026-11-25T22:11:00+00:00"),
        (date(2026, 11, 25), "2026-11-25"),
        (time(22, 11), "22:11:00"),
        (timedelta(minutes=1), 60),
        (timedelta(milliseconds=1500), 1.5),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Decimal("1.10"), "1.10"),
        (Colour.RED, "red"),
        (Level.HIGH, 2),
        (Size.SMALL, "s"),
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", 1, None}, ["b", 1, None]),
        ((1, (2, 3)), [1, [2, 3]]),
        (Point(1, 2.5), [1, 2.5]),
        (Line("a", 2, Decimal(1)), {"sku": "a", "count": 2, "price": "1"}),
        ({"k": [{Colour.BLUE}]}, {"k": [["blue"]]}),
        (2**80, 2**80),
    ],
)
def test_each_type_is_written_as_people_expect(value: Any, written: Any) -> None:
    assert taking(Any).new(value).args == [written]


@attrs.define
class Holder:
    held: Any


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), "work: args[0]"),
        ([1, b"bytes"], "work: args[0][1]"),
        ({"k": {"l": object()}}, "work: args[0].k.l"),
        ({1: 2}, "work: args[0]"),
        ({Size.SMALL: 2}, "work: args[0]"),
        (Holder({"a": b""}), "work: args[0].held.a"),
        (Holder({1: 1}), "work: args[0].held"),
        (float("nan"), "work: args[0]"),
        (Holder(float("inf")), "work: args[0].held"),
        ("\ud800", "work: text"),
    ],
)
def test_what_no_hook_knows_is_refused_with_its_path(value: Any, path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        taking(Any).new(value).encode()

    assert caught.value.path == path


def test_what_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(EncodeError, match="nested too deeply"):
        taking(Any).new(endless)


def test_what_a_job_was_made_of_may_change_without_harm() -> None:
    numbers = [1, 2]
    job = taking(Any).new(numbers)

    numbers.append(3)

    assert job.args == [[1, 2]]


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (int, "5", "work(): the argument 'given' must be int: got '5'"),
        (int, 5.5, "must be int: got 5.5"),
        (str, 5, "must be str: got 5"),
        (str | None, 5, "must be str | None: got 5"),
        (dict[str, Any], [1], "must be dict[str, typing.Any]: got [1]"),
        (
            list[int],
            [1, "2"],
            "list[int]: expected int, got '2' @ given[1]",
        ),
        (list[int], "12", "must be list[int]"),
        (datetime, "yesterday", "must be datetime.datetime"),
        (datetime, 5, "must be datetime.datetime"),
        (UUID, "7", "must be uuid.UUID"),
        (timedelta, "7", "must be datetime.timedelta"),
        (Colour, "green", "Colour: "),
        (Line, {"sku": "a", "count": "b"}, "expected int, got 'b' @ given.count"),
        (Line, {"sku": "a"}, "required field missing @ given.count"),
        (Line, None, "Line: "),
    ],
)
def test_an_argument_that_does_not_fit_is_named_with_what_was_expected(
    hint: Any, value: Any, message: str
) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        taking(hint).take([value])


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, True),
        (float, 5),
        (dict, {"a": 1}),
        (list, [1]),
        (object, {}),
        (str | int, 5),
        (Mapping[str, Any], {"a": [1]}),
    ],
)
def test_what_fits_passes_as_it_is(hint: Any, value: Any) -> None:
    [taken] = taking(hint).take([value])

    assert taken == value
    assert type(taken) is type(value)


def test_plain_arguments_are_not_even_copied() -> None:
    @worker()
    async def plain(n: int, text: str, more: dict[str, Any], rest: Any) -> None: ...

    args = [1, "a", {}, {1}]

    assert plain.take(args) is args


def test_none_is_fine_where_it_is_the_default() -> None:
    @worker()
    async def sloppy(when: datetime = None, n: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013 - as is the point.

    assert sloppy.take([None, None]) == [None, None]


def test_too_many_arguments_are_left_to_the_call() -> None:
    @worker()
    async def one(when: date) -> None: ...

    assert one.take(["2026-11-25", 2]) == [date(2026, 11, 25), 2]


def test_hints_that_cannot_be_resolved_change_nothing_and_are_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = taking("Nowhere")

    with caplog.at_level(logging.WARNING):
        assert one.take(["2026"]) == ["2026"]
        assert one.take([5]) == [5]

    [record] = caplog.records
    assert "of worker work cannot be resolved (NameError" in record.getMessage()


@attrs.define
class Left:
    side: int


@attrs.define
class Right:
    side: int


@attrs.define
class Lost:
    way: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - that is the point.


@pytest.mark.parametrize(
    "hint",
    [
        Callable[[int], int],
        type("Alien", (), {}),
        complex,
        # What cattrs raises here are errors of other kinds.
        Left | Right,
        Lost,
        Annotated[int, ["not hashable"]],
    ],
)
def test_a_hint_that_no_hook_knows_passes_its_argument_as_it_is(
    hint: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert taking(hint).take([5]) == [5]

    assert "the argument given is passed as it is" in caplog.text


def test_hints_may_speak_of_what_is_defined_later() -> None:
    @worker()
    async def early(one: "Later") -> None: ...

    assert early.take([{"n": 1}]) == [Later(1)]


@attrs.define
class Later:
    n: int


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


def money_converter() -> Converter:
    converter = make_converter()
    converter.register_unstructure_hook(Money, lambda money: money.cents)
    converter.register_structure_hook(Money, lambda cents, _: Money(cents))
    return converter


def test_a_worker_may_bring_a_converter_of_its_own() -> None:
    one = taking(Money, converter=money_converter())

    job = one.set(queue="low").new(Money(5), [Money(6)])
    assert job.args == [5, [6]]
    [taken] = one.take([5])
    assert (type(taken), taken.cents) == (Money, 5)

    with pytest.raises(ConfigError, match="converter must be a Converter of cattrs"):
        taking(int, converter=dict)
    with pytest.raises(ConfigError, match="converter cannot be set for one job"):
        one.set(converter=money_converter())


class Unkind:
    """Whoever looks at it, or at its error's text, is sorry."""

    @property
    def name(self) -> str:
        raise RudeError


class RudeError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class UnkindMapping(dict[str, Any]):
    def items(self) -> Any:
        raise OSError("not today")


@attrs.define
class Bag:
    things: frozenset[Any] | set[Any]


def unkind_converter() -> Converter:
    converter = make_converter()
    converter.register_unstructure_hook(Unkind, lambda value: value.name)
    return converter


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            (1, Order(UUID(int=0), datetime.now(UTC), [{"sku": "a"}])),  # type: ignore[list-item]  # the mistake.
            r"^bill: args\[1\]\.lines: .* of the Order: AttributeError: 'dict' object",
        ),
        (([1, {"who": Unkind()}], 2), r"^bill: args\[0\]\[1\]\.who: .*RudeError"),
        ((UnkindMapping(a=1), 2), r"^bill: args\[0\]: .* OSError: not today"),
        ((1, [{"a", math.nan}]), r"^bill: args\[1\]\[0\]: nan is not a number"),
        ((1, Bag({"a", math.nan})), r"^bill: args\[1\]: nan is not a number"),
    ],
    ids=["field", "hook", "mapping", "set", "set in a field"],
)
def test_whatever_goes_wrong_in_a_hook_is_told_with_the_worker_and_the_place(
    args: tuple[Any, ...], message: str
) -> None:
    @worker(converter=unkind_converter())
    async def bill(first: Any, second: Any) -> None: ...

    with pytest.raises(EncodeError, match=message):
        bill.new(*args)


def test_a_hint_that_cannot_be_read_hides_no_mistake_of_a_hook() -> None:
    @dataclasses.dataclass
    class Strange:
        inner: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - that is the point.

    converter = make_converter()
    converter.register_unstructure_hook(Strange, lambda value: value.outer)

    @worker(converter=converter)
    async def bill(given: Any) -> None: ...

    with pytest.raises(EncodeError, match=r"^bill: args\[0\]: .* no attribute 'outer'"):
        bill.new(Strange(1))
