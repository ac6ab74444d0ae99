"""Conditions, as `--where` takes them: what is compared with what, and what fulfils none."""

import pytest

from pipeline.errors import ConditionError


def test_conditions_compare_numbers_dates_words_and_truth():
    from pipeline.conditions import Condition

    def holds(text, **params):
        return Condition(text).holds(params)

    assert holds("n>=10", n="10")
    assert not holds("n>9", n="-10")
    assert holds("n<1e3", n="9.5")
    assert holds("day<2026-02-01", day="2026-01-31")
    assert holds("name = a=b ", name="a=b")
    assert holds("flag=true", flag="True")
    assert holds("name!=x", name="y")
    assert not holds("name!=x", other="y")
    for wrong in ("", "rate", ">=1", "1x>2", "rate ~ 2"):
        with pytest.raises(ConditionError):
            Condition(wrong)


@pytest.mark.parametrize("compare", ["<", "<=", ">", ">="])
def test_what_is_missing_or_of_another_kind_fulfils_no_ordering(compare):
    from pipeline.conditions import Condition

    for given, wanted in [("None", "7"), ("", "7"), ("ridge", "7"), ("7", "ridge"), ("None", "a"), ("", "a"), ("None", "2026-01-01"), ("True", "0")]:
        assert not Condition(f"x{compare}{wanted}").holds({"x": given})
        assert Condition(f"x!={wanted}").holds({"x": given})
    for given, wanted in [("2026-01-01", "7"), ("2026-01-01", "soon"), ("12", "2026-01-01"), ("soon", "2026-01-01"), ("[1, 2]", "1"), ("nan", "1")]:
        assert not Condition(f"x{compare}{wanted}").holds({"x": given})


@pytest.mark.parametrize("text", ["x>abc", "x<2026-01-01", "y>1"])
def test_a_condition_that_can_hold_for_nothing_is_an_error(text):
    from pipeline.conditions import Condition, insist

    with pytest.raises(ConditionError, match=text):
        insist([Condition(text)], [{"x": "None"}, {"x": "7"}])


@pytest.mark.parametrize("text", ["x>8", "x=abc", "x!=abc", "x>abc"])
def test_a_condition_that_merely_does_not_hold_is_none(text):
    from pipeline.conditions import Condition, insist

    insist([Condition(text)], [{"x": "7"}, {"x": "aaa"}])
    insist([Condition(text)], [{"x": "None"}])
    insist([Condition(text)], [])


def test_dates_and_parts_of_them_are_compared_as_they_are_written():
    from pipeline.conditions import Condition

    days = ["2025", "2025-12", "2025-12-31", "2026", "2026-01", "2026-01-01", "2026-01-01T05", "2026-01-01T0510", "2026-01-02", "2026-02", "2026-W07"]
    for at, day in enumerate(days):
        for other in days[at + 1 :]:
            assert Condition(f"x<{other}").holds({"x": day})
            assert Condition(f"x>={day}").holds({"x": other})
            assert not Condition(f"x>{other}").holds({"x": day})
    assert Condition("x>lasso").holds({"x": "ridge"})
    assert Condition("x=None").holds({"x": "None"})
    assert Condition("x!=None").holds({"x": "7"})
