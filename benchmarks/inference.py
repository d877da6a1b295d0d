"""What detecting costs: the network in every form, suppression, whole folders of images, long streams.

    python benchmarks/inference.py                                       # everything that needs no data
    python benchmarks/inference.py forward --repeats 7 --batches 1 8
    python benchmarks/inference.py files --images FOLDER --num-images 200
    python benchmarks/inference.py accuracy --checkpoint RUN --data DATA --split test

Each part runs in a process of its own, so that its memory is its own. The forms of the network take turns, so that a
disturbance meets all of them; the median stands in the table. Besides the package it needs the extras ``export`` and
``openvino``; what is not installed is left out.
"""

import argparse
import copy
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from yolo3 import Predictor, YOLOv3, presets, suppress
from yolo3.boxes import nms
from yolo3.data import find_images, open_dataset
from yolo3.models.fusing import fuse
from yolo3.predictor import PredictorSettings
from yolo3.protocols import Detector, as_module
from yolo3.results import write_json_lines
from yolo3.runtime import Engine, ExportedDetector
from yolo3.runtime.detector_runtime import DetectorRuntime
from yolo3.structures import Candidates
from yolo3.suppression import EVALUATION_IOU, EVALUATION_SCORE
from yolo3.system.memory import keep_memory

SIZE = 416
Form = Callable[[], object]


def main() -> None:
    options = arguments()
    if len(options.parts) == 1:
        if options.keep_memory:
            keep_memory()
        PARTS[options.parts[0]](options)
        return
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f}", flush=True)
    settings = [word for word in sys.argv[1:] if word not in PARTS]
    for part in options.parts:
        print(f"\n## {part}\n", flush=True)
        subprocess.run([sys.executable, __file__, part, *settings], check=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all but accuracy unless given")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--keep-memory", action="store_true", help="as the commands do; see yolo3.system.memory")
    parser.add_argument("--images", type=Path, help="a folder; synthetic JPEGs unless given")
    parser.add_argument("--num-images", type=int, default=200)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument(
        "--checkpoint", type=Path, help="in place of random weights, or an .onnx file, for files; for accuracy"
    )
    parser.add_argument("--data", type=Path, help="for accuracy")
    parser.add_argument("--split", default="test", help="for accuracy")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    options.parts = options.parts or [part for part in PARTS if part != "accuracy"]
    if "accuracy" in options.parts and (options.checkpoint is None or options.data is None):
        parser.error("accuracy needs --checkpoint and --data")
    return options


def forward(options: argparse.Namespace) -> None:
    """Seconds of YOLOv3's forward at 416 x 416, 80 classes."""
    torch.manual_seed(0)
    detector = presets.yolov3().eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        detector(torch.rand(1, 3, SIZE, SIZE))
    flop = counter.get_total_flops()
    ceilings = {dtype: multiplications(dtype) for dtype in (torch.float32, torch.bfloat16)}
    for dtype, rate in ceilings.items():
        print(f"multiplying 4096 x 4096 matrices, {str(dtype)[6:]}: {rate / 1e9:.0f} GFLOP/s")
    with tempfile.TemporaryDirectory() as folder:
        path = exported(detector, Path(folder)) if find_spec("onnxruntime") else None
        for batch_size in options.batches:
            images = torch.rand(batch_size, 3, SIZE, SIZE)
            times = medians(network_forms(detector, images, path), options.repeats)
            print(f"\n| batch of {batch_size} | ms | times eager | GFLOP/s | of the matrix product |")
            print("|---|---|---|---|---|")
            for name, median in times.items():
                rate = flop * batch_size / median
                ceiling = ceilings[torch.bfloat16 if "bf16" in name else torch.float32]
                print(
                    f"| {name} | {median * 1e3:.1f} | {times['eager fp32'] / median:.2f} | {rate / 1e9:.0f} "
                    f"| {rate / ceiling:.0%} |",
                    flush=True,
                )


def network_forms(detector: YOLOv3, images: Tensor, onnx: Path | None) -> dict[str, Form]:
    """Every way to run a network, by name; each call is one forward of the images."""
    rows = images.to(memory_format=torch.channels_last)
    forms: dict[str, Form] = {
        "eager fp32": inference(detector, images),
        "channels_last fp32": inference(channels_last(copy.deepcopy(detector)), rows),
        "fused fp32": inference(channels_last(fuse(detector)), rows),
    }
    ours = partial(Predictor, detector, image_size=SIZE, batch_size=len(images))
    for name, predictor in (
        ("Predictor fp32", ours(precision="fp32")),
        ("Predictor bf16", ours(precision="bf16")),
        ("Predictor bf16, compiled", ours(precision="bf16", compile=True)),
    ):
        forms[name] = partial(predictor.runtime, images)
    if onnx is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
        forms["onnxruntime fp32"] = lambda: session.run(None, {"images": images.numpy()})
    if onnx is not None and find_spec("openvino"):
        forms |= {f"OpenVINO {precision}": openvino_form(onnx, images, hint) for precision, hint in OPENVINO}
    return forms


OPENVINO = (("fp32", "f32"), ("bf16", "bf16"))


def channels_last(network: nn.Module) -> nn.Module:
    """The network, with its weights laid out channels last."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's annotations
    return network


def inference(network: nn.Module, images: Tensor) -> Form:
    return torch.inference_mode()(lambda: network(images))


def openvino_form(onnx: Path, images: Tensor, hint: str) -> Form:
    import openvino

    core = openvino.Core()
    network = core.read_model(onnx)
    network.reshape(list(images.shape))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = core.compile_model(network, "CPU", settings)
    return lambda: compiled(images.numpy())


def exported(detector: YOLOv3, folder: Path) -> Path:
    from yolo3.export import export_onnx

    export_onnx(detector, folder / "network.onnx")
    return folder / "network.onnx"


def medians(forms: dict[str, Form], repeats: int) -> dict[str, float]:
    """Seconds of each form, after two calls to warm up, all taking turns."""
    times: dict[str, list[float]] = {name: [] for name in forms}
    for form in forms.values():
        form()
    for _ in range(repeats + 1):
        for name, form in forms.items():
            times[name].append(seconds(form))
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def seconds(work: Form) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def multiplications(dtype: torch.dtype, edge: int = 4096) -> float:
    """FLOP a second of a matrix product."""
    matrix = torch.randn(edge, edge).to(dtype)
    torch.mm(matrix, matrix)
    return 2 * edge**3 / min(seconds(lambda: torch.mm(matrix, matrix)) for _ in range(3))


def suppression(options: argparse.Namespace) -> None:
    """Milliseconds of suppression."""
    print("| candidates | classes | at most | kept | ms |\n|---|---|---|---|---|")
    for count, num_classes in ((1_000, 1), (1_000, 80), (30_000, 80), (30_000, 20), (30_000, 1)):
        boxes, scores, labels = crowded(count, num_classes)
        for limit in (300, None):
            work = partial(nms, boxes, scores, 0.45, labels, limit)
            median = medians({"nms": work}, options.repeats)["nms"]
            print(
                f"| {count:,} | {num_classes} | {limit or 'all'} | {len(work()):,} | {median * 1e3:.1f} |", flush=True
            )
    boxes = crowded(10_647, 80)[0][None]
    for name, scores in (
        ("few scores above 0.25", torch.rand(1, 10_647, 80) ** 2000),
        ("every score counts, capped at 30,000", torch.rand(1, 10_647, 80)),
    ):
        candidates = Candidates(boxes, scores)
        least = 0.0 if "every" in name else 0.25
        median = medians({"suppress": partial(suppress, candidates, least)}, options.repeats)["suppress"]
        print(f"\nsuppress, 10,647 boxes x 80 classes, {name}: {median * 1e3:.1f} ms")


def crowded(count: int, num_classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, scores and labels as a network gives them: many around each of 60 objects."""
    dice = torch.Generator().manual_seed(0)
    centre, size = torch.rand(60, 2, generator=dice) * SIZE, torch.rand(60, 2, generator=dice) * 120 + 16
    which = torch.randint(0, 60, (count,), generator=dice)
    centre = centre[which] + torch.randn(count, 2, generator=dice) * 8
    half = size[which] * (torch.randn(count, 2, generator=dice) * 0.2).exp() / 2
    boxes = torch.cat([centre - half, centre + half], dim=1)
    return boxes, torch.rand(count, generator=dice), torch.randint(0, num_classes, (count,), generator=dice)


def files(options: argparse.Namespace) -> None:
    """Time from image files to a file of results."""
    if options.checkpoint is None:
        predictor = Predictor(presets.yolov3(), image_size=SIZE)
    elif options.checkpoint.suffix == ".onnx":
        predictor = Predictor.from_exported(options.checkpoint)
    else:
        predictor = Predictor.from_checkpoint(options.checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        images = find_images(options.images) if options.images else synthetic(Path(folder))
        chosen = list(islice(cycle(images), options.num_images))
        predictor(chosen[: predictor.batch_size])  # to warm up
        stopwatch = Stopwatch(predictor.runtime)
        predictor.runtime = stopwatch  # type: ignore[assignment]  # runs as the other does
        whole = seconds(lambda: write_json_lines(Path(folder) / "found.jsonl", predictor.stream(chosen)))
    exported = isinstance(stopwatch.runtime.module, ExportedDetector)
    numbers = stopwatch.runtime.module.file.precision if exported else stopwatch.dtype
    print(f"{len(chosen)} images of {len(set(chosen))} files, {predictor.image_size} {numbers}")
    print(f"{len(chosen) / whole:.1f} images/s; the network runs {stopwatch.seconds / whole:.0%} of the time")
    print(f"at most {peak():.0f} MB of memory")


class Stopwatch:
    """A runtime, and how long it ran in all."""

    def __init__(self, runtime: DetectorRuntime) -> None:
        self.runtime = runtime
        self.decode = runtime.decode
        self.device = runtime.device
        self.dtype = runtime.dtype
        self.seconds = 0.0

    def __call__(self, images: Tensor) -> Any:
        """Run it."""
        start = time.perf_counter()
        try:
            return self.runtime(images)
        finally:
            self.seconds += time.perf_counter() - start


def synthetic(folder: Path, count: int = 16) -> list[Path]:
    """JPEGs of 640 x 480, as large on disk as photographs."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path in paths:
        coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        coarse.resize((640, 480), Image.Resampling.BICUBIC).save(path, quality=92)
    return paths


def stream(options: argparse.Namespace) -> None:
    """Memory over a long stream."""
    predictor = Predictor(presets.yolov3_nano(3), image_size=96)

    def frames() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        for _ in range(options.frames):
            yield rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)

    start = time.perf_counter()
    settled = options.frames // 10
    for number, _ in enumerate(predictor.stream(frames()), start=1):
        if number in (settled, options.frames // 2, options.frames):
            print(f"after {number:,} frames {resident():.1f} MB", flush=True)
    print(f"{options.frames / (time.perf_counter() - start):.0f} frames/s; at most {peak():.1f} MB")


def resident() -> float:
    """MB of memory that this process holds. Linux only, as the next."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak() -> float:
    """MB of memory that this process has held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def accuracy(options: argparse.Namespace) -> None:
    """What every form finds, against annotations and against the plain network."""
    from yolo3.checkpoint import load_checkpoint
    from yolo3.export import export_onnx
    from yolo3.metrics import coco_metrics

    detector, card = load_checkpoint(options.checkpoint)
    samples = open_dataset(options.data, options.split, names=card.names or None)
    images = [samples.path(index) for index in range(len(samples))]

    def ours(seen: Detector = detector, **settings: Unpack[PredictorSettings]) -> Predictor:
        thresholds: PredictorSettings = {"min_score": EVALUATION_SCORE, "iou_threshold": EVALUATION_IOU}
        return Predictor.from_card(seen, card, **(thresholds | settings))

    def plain() -> Predictor:
        predictor = ours(precision="fp32")
        predictor.runtime.module = as_module(detector).eval()  # in place of the fused copy
        return predictor

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(detector, path, card, "decoded")
        forms: dict[str, Callable[[], Predictor]] = {
            "plain fp32": plain,
            "fused fp32": partial(ours, precision="fp32"),
            "bf16": partial(ours, precision="bf16"),
            "bf16, compiled": partial(ours, precision="bf16", compile=True),
            "onnxruntime fp32": partial(ours, ExportedDetector(path)),
        }
        if find_spec("openvino"):
            forms["OpenVINO fp32"] = partial(ours, ExportedDetector(path, Engine("openvino")), precision="fp32")
            forms["OpenVINO bf16"] = partial(ours, ExportedDetector(path, Engine("openvino")), precision="bf16")
        print("| form | AP50 | AP | largest move of a box that scores 0.1, px | largest change of a score |")
        print("|---|---|---|---|---|")
        expected: list[Candidates] = []
        for name, form in forms.items():
            predictor = form()
            seen = [predictor.candidates([predictor.prepare(image)])[0] for image in images]
            expected = expected or seen
            metrics = coco_metrics(samples, predictor(images), samples.names)
            move, change = differences(expected, seen)
            print(f"| {name} | {metrics.AP50:.4f} | {metrics.AP:.4f} | {move:.2g} | {change:.2g} |", flush=True)


def differences(expected: list[Candidates], seen: list[Candidates]) -> tuple[float, float]:
    """Largest between candidates: pixels of the network input, and of the score."""
    moves, changes = [0.0], [0.0]
    for one, other in zip(expected, seen, strict=True):
        scoring = one.scores.amax(dim=-1) > 0.1
        moves += (one.boxes - other.boxes)[scoring].abs().flatten().tolist()
        changes.append((one.scores - other.scores).abs().max().item())
    return max(moves), max(changes)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "forward": forward,
    "suppression": suppression,
    "files": files,
    "stream": stream,
    "accuracy": accuracy,
}

if __name__ == "__main__":
    main()
