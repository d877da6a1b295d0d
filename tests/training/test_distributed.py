"""Training in several processes: two are started, and what they do together is compared with one alone."""

import csv
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn

from yolo3 import GroundTruth, YoloDataset, YoloLoss, YoloV1Loss, YOLOv3
from yolo3.checkpoint import ModelCard
from yolo3.data import SampleSet
from yolo3.data.transforms import augment
from yolo3.losses import DarknetLoss, FocalGIoULoss, MultiAnchorLoss
from yolo3.losses.distributed import global_batch, world_size
from yolo3.system.hardware import TrainingHardware
from yolo3.training import DetectionData, DetectionTask, Recipe, fit
from yolo3.training.distributed import Vote, average_statistics, dealt, gathered, trainer_flags
from yolo3.training.sync_batchnorm import SyncBatchNorm1d, SyncBatchNorm2d, synchronised

RANKS = 2
CPU = torch.device("cpu")
LOSSES: dict[str, Any] = {
    "yolo": YoloLoss(),
    "multi-anchor": MultiAnchorLoss(),
    "multi-anchor, sums": MultiAnchorLoss(reduction="sum"),
    "focal-giou": FocalGIoULoss(),
    "darknet": DarknetLoss(),
    "yolov1": YoloV1Loss(3),
}


def _together(work: Callable[..., None], *arguments: Any, seconds: float = 300) -> None:
    """Run a function in two processes: (rank, *arguments). A hang is an error."""
    running = mp.start_processes(work, arguments, RANKS, join=False, start_method="fork")
    end = time.monotonic() + seconds
    while not running.join(timeout=1):
        if time.monotonic() > end:
            for process in running.processes:
                process.kill()
            pytest.fail(f"two processes did not end within {seconds:g} s; one waits for the other")


@pytest.fixture(scope="module", autouse=True)
def _forked() -> None:
    if "fork" not in mp.get_all_start_methods():
        pytest.skip("two processes are started by fork, which is not to be had here")


def _join(rank: int, port: int) -> None:
    """Become one of two processes, as Lightning finds it when a launcher has started them."""
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(RANKS)}
    os.environ |= {"NODE_RANK": "0", "LOCAL_RANK": str(rank)}
    dist.init_process_group("gloo", rank=rank, world_size=RANKS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# --- losses ---


def _case(name: str) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
    """Predictions for four images, and their objects: the second and the fourth, which are rank 1's, have none."""
    random = torch.Generator().manual_seed(0)
    if name == "yolov1":
        shapes = [(4, 7, 7, 13)]
    else:
        shapes = [(4, 3, size, size, 8) for size in (2, 4, 8)]
    size = 448 if name == "yolov1" else 64
    predictions = [torch.randn(shape, generator=random, dtype=torch.double) for shape in shapes]
    truths = []
    for count in (3, 0, 2, 0):
        corner = torch.rand(count, 2, generator=random, dtype=torch.double) * size / 2
        extent = (0.1 + torch.rand(count, 2, generator=random, dtype=torch.double) * 0.4) * size
        truths.append((torch.cat([corner, corner + extent], dim=1), torch.arange(count)))
    return predictions, truths


def _terms(name: str, rank: int, world_size: int, objects: bool = True) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The terms of a rank's share of the images, and their gradients."""
    predictions, truths = _case(name)
    mine = [each[rank::world_size].clone().requires_grad_() for each in predictions]
    truth = GroundTruth.collate(truths[rank::world_size] if objects else truths[1::2])
    if not objects:
        truth = GroundTruth.collate([truths[1]] * len(mine[0]))
    with global_batch():
        terms = LOSSES[name].terms(mine[0] if name == "yolov1" else tuple(mine), truth)
    sum(terms.values()).backward()
    return {key: value.detach() for key, value in terms.items()}, [each.grad for each in mine]


def _losses(rank: int, port: int, folder: Path) -> None:
    _join(rank, port)
    shared = {name: _terms(name, rank, RANKS) for name in LOSSES}
    empty = {name: _terms(name, rank, RANKS, objects=False)[0] for name in LOSSES}
    alone = {name: LOSSES[name].terms(_first(name), GroundTruth.collate(_case(name)[1][:1])) for name in LOSSES}
    torch.save((shared, empty, alone), folder / f"{rank}.pt")


def _first(name: str) -> Any:
    predictions = [each[:1] for each in _case(name)[0]]
    return predictions[0] if name == "yolov1" else tuple(predictions)


def test_losses_of_two_processes_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    _together(_losses, _free_port(), tmp_path)

    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(RANKS)]
    assert world_size() == 1
    for name in LOSSES:
        whole, gradients = _terms(name, 0, 1)
        for key, value in whole.items():
            assert torch.stack([shared[name][0][key] for shared, _, _ in ranks]).mean() == pytest.approx(value.item())
        for scale, gradient in enumerate(gradients):
            for rank, (shared, _, _) in enumerate(ranks):  # DDP divides the sum of gradients by the processes
                torch.testing.assert_close(shared[name][1][scale] / RANKS, gradient[rank::RANKS])
        nothing, _ = _terms(name, 0, 1, objects=False)
        for key, value in nothing.items():
            assert torch.stack([empty[name][key] for _, empty, _ in ranks]).mean() == pytest.approx(value.item())
        # outside `global_batch` a process is alone
        assert ranks[1][2][name]["box"] == ranks[0][2][name]["box"] > 0


# --- batch normalisation ---


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.flat, self.last = nn.BatchNorm1d(4, momentum=None), nn.BatchNorm2d(4, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        x = self.last(self.norm(self.conv(images)).sigmoid())
        return x * self.flat(x.mean(dim=(2, 3)))[..., None, None]


def _normalised(rank: int, world_size: int) -> dict[str, Tensor]:
    """What two steps make of a network; of five images, rank 0 has three and rank 1 two."""
    net, images = _Net().double(), torch.rand(5, 3, 8, 8, dtype=torch.double) + 10
    with synchronised(net, CPU):
        module = nn.parallel.DistributedDataParallel(net) if world_size > 1 else net
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            (module(images[rank::world_size]) ** 3).sum().mul(world_size / 100).backward()
            optimizer.step()
    return net.state_dict()


def _norms(rank: int, port: int, folder: Path) -> None:
    _join(rank, port)
    state = _normalised(rank, RANKS)
    own = nn.BatchNorm2d(2)
    own.running_mean += rank
    average_statistics(own)
    vote = Vote(RANKS)
    wanted = [vote.any(False), vote.any(rank == 1), vote.any(True)]
    dealt_out = [number for batch in dealt(7, 2, rank, RANKS) for number in batch]
    few = gathered([rank] if rank == 0 else [], RANKS)
    torch.save((state, own.state_dict(), wanted, gathered(dealt_out, RANKS), few), folder / f"{rank}.pt")


def test_normalisation_over_two_processes_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    _together(_norms, _free_port(), tmp_path)

    net = _Net().double()  # torch's own, on the whole batch
    images = torch.rand(5, 3, 8, 8, dtype=torch.double) + 10
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (net(images) ** 3).sum().div(100).backward()
        optimizer.step()
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(RANKS)]
    for state, own, wanted, items, few in ranks:
        for name, expected in net.state_dict().items():
            torch.testing.assert_close(state[name], expected, rtol=1e-9, atol=1e-9)
        assert own["running_mean"].tolist() == [0.5, 0.5]
        assert wanted == [False, True, True]
        assert items == list(range(7))  # in order, each once
        assert few == [0]


def test_synchronised_modules_stay_what_they_are() -> None:
    net = _Net()
    before = dict(net.named_modules())

    with synchronised(net, CPU):
        assert type(net.norm) is SyncBatchNorm2d
        assert type(net.flat) is SyncBatchNorm1d
        assert net.eval()(torch.rand(1, 3, 8, 8)).isfinite().all()  # evaluation does as it always does
    assert type(net.norm) is nn.BatchNorm2d
    assert dict(net.named_modules()) == before
    with synchronised(net, torch.device("cuda")):
        assert type(net.norm) is nn.SyncBatchNorm
        assert net.eval()(torch.rand(1, 3, 8, 8)).isfinite().all()
    assert type(net.flat) is nn.BatchNorm1d


def test_half_precision_stays_half_and_keeps_its_digits() -> None:
    norm, values = nn.BatchNorm2d(2), torch.randn(4, 2, 5, 5) * 1e-2 + 3

    with synchronised(norm, CPU):
        found = norm(values.bfloat16())

    assert found.dtype == torch.bfloat16
    expected = nn.functional.batch_norm(values.bfloat16().float(), None, None, training=True)
    torch.testing.assert_close(found.float(), expected, rtol=1e-2, atol=1e-2)


# --- trainings ---


class _PressCtrlC(Callback):
    """As a person would, but only one process hears it."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step and trainer.global_rank == 1:
            os.kill(os.getpid(), signal.SIGINT)


def _detector() -> YOLOv3:
    torch.manual_seed(0)
    detector = YOLOv3(3, width=0.125).double()
    detector.register_forward_pre_hook(_in_double)
    return detector


def _in_double(module: nn.Module, images: tuple[Tensor]) -> Tensor:
    return images[0].double()


def _fitted(
    folder: Path, train: SampleSet, validation: SampleSet, devices: int, callbacks: Sequence[Callback] = (), **how: Any
) -> DetectionTask:
    """Two epochs of three steps with four images each, in all processes together, at changing image sizes.

    In double precision: a deep network with batch normalisation makes much of little, the rounding of a sum too.
    """
    folder.mkdir(exist_ok=True)
    recipe = Recipe(partial(torch.optim.SGD, lr=1e-3, momentum=0.9), schedule=lambda step, num_steps: 1.0)
    task = DetectionTask(_detector(), YoloLoss(), recipe, names=train.names, num_steps=6)
    images = YoloDataset(augment(train, mosaic=0.5), encoder=None, image_size=(64, 64))
    data = DetectionData(images, validation, batch_size=4 // devices, image_sizes=[(64, 64), (96, 96)], num_workers=0)
    how = {"epochs": 2, "validate_every": 2} | how
    hardware = TrainingHardware("cpu", "fp32", devices, sync_batchnorm=how.pop("sync_batchnorm", True))
    card = ModelCard(train.names, (64, 64))
    fit(task, data, card, folder, hardware=hardware, callbacks=callbacks, **how)
    return task


def _result(task: DetectionTask) -> Any:
    return task.state_dict(), task.metrics.to_dict()


def _trainings(rank: int, port: int, folder: Path, train: SampleSet, validation: SampleSet, empty: SampleSet) -> None:
    _join(rank, port)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    whole = _result(_fitted(folder / "whole", train, validation, RANKS))
    with pytest.raises(KeyboardInterrupt):
        _fitted(folder / "again", train, validation, RANKS, [_PressCtrlC(step=1)])
    resumed = _result(_fitted(folder / "again", train, validation, RANKS, resume=True))
    settings = {"sync_batchnorm": False, "freeze_backbone": 1}
    few = _result(_fitted(folder / "few", empty, validation[:1], RANKS, **settings))
    torch.save((whole, resumed, few), folder / f"{rank}.pt")


def test_two_processes_train_as_one(training_set: SampleSet, validation_set: SampleSet, tmp_path: Path) -> None:
    validation = validation_set[:3]  # rank 0 has two of them, rank 1 one
    fields = ("boxes", "labels", "difficult", "crowd", "area")
    bare = [replace(sample, **{name: getattr(sample, name)[:0] for name in fields}) for sample in training_set]
    empty = SampleSet.from_samples(training_set.names, bare)
    _together(_trainings, _free_port(), tmp_path, training_set, validation, empty)
    alone = _fitted(tmp_path / "alone", training_set, validation, devices=1)

    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(RANKS)]
    for first, second in zip(*ranks, strict=True):  # the processes agree to the last bit
        assert first[1] == second[1]
        assert all(torch.equal(tensor, second[0][name]) for name, tensor in first[0].items())
    (whole, metrics), (resumed, _), (few, _) = ranks[0]
    state = alone.state_dict()
    start = _detector().state_dict()
    moved = {name: (state[f"detector.{name}"] - tensor).abs().max() for name, tensor in start.items()}
    assert moved["backbone.0.conv.weight"] > 1e-4
    for name, tensor in whole.items():  # average, running statistics and all
        torch.testing.assert_close(tensor, state[name], rtol=1e-8, atol=1e-8)
    rows, expected = _rows(tmp_path / "whole"), _rows(tmp_path / "alone")
    for mine, its in zip(rows, expected, strict=True):
        for name in ("train/box", "train/objectness", "train/background", "train/classes"):
            assert float(mine[name]) == pytest.approx(float(its[name]), rel=1e-5)
    assert metrics["AP50"] == pytest.approx(alone.metrics.AP50, abs=1e-6)
    # whichever process heard Ctrl-C, both stopped, and went on as if they had not
    assert all(torch.equal(tensor, whole[name]) for name, tensor in resumed.items())
    # nothing to find, a process with nothing to measure, a backbone that was frozen at first
    assert all(tensor.isfinite().all() for tensor in few.values())
    assert not torch.equal(few["detector.backbone.0.conv.weight"], start["backbone.0.conv.weight"])


class _Vanish(Callback):
    """As when memory runs out in one process."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_rank == 1:
            os._exit(0)


def _loss_of_one(rank: int, port: int, folder: Path, train: SampleSet, validation: SampleSet) -> None:
    _join(rank, port)
    with pytest.raises(
        ValueError, match=r"^another process of this training has ended; if it has not reported why, the system"
    ):
        _fitted(folder / "run", train, validation, RANKS, [_Vanish()])
    (folder / "noticed").touch()


def test_a_process_that_vanishes_is_noticed(training_set: SampleSet, validation_set: SampleSet, tmp_path: Path) -> None:
    _together(_loss_of_one, _free_port(), tmp_path, training_set, validation_set)

    assert (tmp_path / "noticed").exists()


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# --- what is said ---


@pytest.mark.parametrize(
    ("num_items", "batch_size", "world_size"), [(7, 2, 1), (7, 2, 3), (2, 4, 3), (1, 1, 4), (12, 3, 2)]
)
def test_every_item_is_dealt_once(num_items: int, batch_size: int, world_size: int) -> None:
    hands = [dealt(num_items, batch_size, rank, world_size) for rank in range(world_size)]

    assert sorted(item for hand in hands for batch in hand for item in batch) == list(range(num_items))
    assert all(hand and len(batch) <= batch_size for hand in hands for batch in hand)


def test_one_process_trains_as_ever() -> None:
    assert trainer_flags(CPU) == {"accelerator": "cpu", "devices": 1}
    assert trainer_flags(torch.device("cuda", 1)) == {"accelerator": "gpu", "devices": [1]}
    assert not Vote(1).any(False)
    assert gathered([1, 2], 1) == [1, 2]


@pytest.mark.parametrize(
    ("device", "devices", "num_nodes", "complaint"),
    [
        ("cpu", 0, 1, "devices is 0 and num_nodes 1; both must be at least 1"),
        ("cuda:1", 2, 1, "device cuda:1 trains in one process; with devices 2 choose auto, cpu or cuda"),
        ("mps", 2, 1, "device mps trains in one process"),
        ("cuda", 99, 1, "devices is 99, but this machine has"),
    ],
)
def test_processes_that_cannot_be(device: str, devices: int, num_nodes: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        trainer_flags(torch.device(device), devices, num_nodes)


def test_torchrun_must_have_started_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "4")

    assert trainer_flags(CPU, devices=2, num_nodes=2)["num_nodes"] == 2
    with pytest.raises(ValueError, match=r"torchrun has started 4 processes, devices 1 x num_nodes 1 are 1; give"):
        trainer_flags(CPU)
