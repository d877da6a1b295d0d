"""How the learning rate moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo3.training import BurnInSteps, Schedule, WarmupCosine


def test_warm_up_is_a_line_and_the_rest_half_a_cosine() -> None:
    schedule = WarmupCosine(warmup=0.1, final=0.0)

    assert [schedule(step, 40) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert schedule(21, 40) == pytest.approx(0.5)  # half of the 36 steps that fall
    assert schedule(39, 40) == pytest.approx(0.0, abs=1e-12)


def test_cosine_ends_at_what_is_left() -> None:
    assert WarmupCosine(final=0.02)(99, 100) == pytest.approx(0.02)
    assert WarmupCosine(final=0.02)(500, 100) == pytest.approx(0.02)  # a step too far changes nothing


def test_burn_in_is_a_power_and_then_come_drops() -> None:
    schedule = BurnInSteps(burn_in=10, power=4)

    assert schedule(4, 1000) == pytest.approx(0.5**4)
    assert schedule(9, 1000) == pytest.approx(1)
    assert [schedule(step, 1000) for step in (799, 800, 899, 900)] == pytest.approx([1, 0.1, 0.1, 0.01])


def test_burn_in_of_a_short_training_is_a_tenth_of_it() -> None:
    assert BurnInSteps(burn_in=1000)(2, 30) == pytest.approx(1)


@given(step=st.integers(0, 200), num_steps=st.integers(1, 200))
@pytest.mark.parametrize("schedule", [WarmupCosine(), WarmupCosine(warmup=0), BurnInSteps()])
def test_a_factor_lies_above_0_and_at_most_at_1(schedule: Schedule, step: int, num_steps: int) -> None:
    assert 0 < schedule(step, num_steps) <= 1
