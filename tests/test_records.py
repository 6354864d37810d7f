"""Records: the constructor and the text of a frozen dataclass."""

import pytest

from autodiff.records import record


@record
class Point:
    x: float
    y: float = 0.0
    unit = "m"  # no field


@record
class Named(Point):
    name: str = ""
    y: float = 1.0

    def __post_init__(self):
        self.__dict__["long"] = f"{self.name}!"


def test_fields_come_in_order_those_of_the_base_first():
    assert repr(Named(1.0, 2.0, "p")) == "Named(x=1.0, y=2.0, name='p')"
    assert (Point(1.0).y, Named(1.0).y, Named(1.0, name="q").long) == (0.0, 1.0, "q!")


@pytest.mark.parametrize(
    ("args", "given", "says"),
    [
        ((), {}, "Point: no value for x"),
        ((1.0, 2.0, 3.0), {}, "Point has 2 fields, and was given 3 values"),
        ((1.0,), {"x": 2.0}, "Point: 'x' is given twice"),
        ((1.0,), {"unit": "km"}, "Point: 'unit' is no field"),
    ],
)
def test_wrong_values_are_refused(args, given, says):
    with pytest.raises(TypeError, match=says):
        Point(*args, **given)


def test_a_record_is_frozen():
    point = Point(1.0)
    with pytest.raises(AttributeError, match="Point is frozen: cannot assign to 'x'"):
        point.x = 2.0
    with pytest.raises(AttributeError, match="Point is frozen: cannot delete 'x'"):
        del point.x
    assert point.x == 1.0


def test_records_are_equal_when_they_are_one():
    point = Point(1.0)
    assert point == point
    assert point != Point(1.0)
    assert len({point, Point(1.0)}) == 2


def test_a_default_that_is_a_function_is_no_method():
    @record
    class Rule:
        apply: object = len

    assert Rule().apply([1, 2]) == 2
    assert Rule(lambda x: x).apply(3) == 3
