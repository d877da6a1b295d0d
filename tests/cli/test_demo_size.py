"""The size of `yolo3 demo`, by how fast a machine is."""

import pytest
import torch

from yolo3.cli import main
from yolo3.cli.demo_size import BUDGET, SIZES, DemoSize, choose_size, seconds_per_image
from yolo3.system.hardware import Hardware


def test_the_best_size_that_is_done_in_time():
    sizes = (DemoSize(128, 20), DemoSize(128, 10), DemoSize(64, 10))
    asked = []

    def machine(slowness: float):
        """A machine that takes ``slowness`` seconds per image of 128 x 128, and a quarter of them at 64 x 64."""

        def seconds(image_size: int) -> float:
            asked.append(image_size)
            return slowness * (image_size / 128) ** 2

        return choose_size(100, seconds, sizes)

    fast = BUDGET / 2000
    assert machine(fast) == (sizes[0], pytest.approx(BUDGET))
    assert asked == [128]
    assert machine(1.5 * fast) == (sizes[1], pytest.approx(0.75 * BUDGET))
    assert machine(3 * fast) == (sizes[2], pytest.approx(3 / 8 * BUDGET))
    assert machine(100 * fast) == (sizes[2], pytest.approx(12.5 * BUDGET))  # no smaller one
    assert asked.count(128) == 4  # once for each machine: the rate does not depend on the epochs


def test_sizes_get_cheaper():
    costs = [size.image_size**2 * size.epochs for size in SIZES]
    assert costs == sorted(costs, reverse=True)
    assert all(size.image_size % 32 == 0 for size in SIZES)


def test_a_trial_takes_time_and_leaves_the_random_numbers_alone():
    state = torch.get_rng_state()
    small = seconds_per_image(64, 0.125, Hardware("cpu"))
    assert 0 < small < seconds_per_image(192, 0.125, Hardware("cpu"))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_demo_says_what_it_chose(tmp_path, monkeypatch, capsys):
    done = []
    monkeypatch.setattr("yolo3.cli.demo._show_it_all", lambda folder, *rest: done.append(rest[2]))
    monkeypatch.setattr("yolo3.cli.demo.seconds_per_image", lambda image_size, **rest: 0.0 if image_size < 128 else 1.0)
    assert main(["demo", "--output", str(tmp_path / "a")]) == 0
    first = next(size for size in SIZES if size.image_size < 128)
    assert done == [first]
    side = first.image_size
    said = f"chosen for this machine: {side} x {side} pixels, {first.epochs} epochs, which train for about 0 s"
    assert said in capsys.readouterr().out

    assert main(["demo", "--output", str(tmp_path / "b"), "--epochs", "3"]) == 0
    assert main(["demo", "--output", str(tmp_path / "c"), "--image-size", "160"]) == 0
    assert done[1:3] == [DemoSize(128, 3), DemoSize(160, 18)]
    assert main(["demo", "--output", str(tmp_path / "d"), "--image-size", "0"]) == 0
    assert done[3].image_size == 0  # which training refuses
    assert "chosen" not in capsys.readouterr().out
