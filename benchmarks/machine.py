"""One table for one machine: YOLOv3 at 416 x 416 in every form, beside other runtimes, in benchmarks/results.

    python benchmarks/machine.py                        # writes benchmarks/results/MACHINE-DATE.md
    python benchmarks/machine.py --cap avx2             # as on a CPU that has no more than AVX2
    OMP_NUM_THREADS=1 python benchmarks/machine.py --cpu-time --batches 1       # where others use the machine too

All forms take turns, so that a disturbance meets all of them; the median stands in the table. Compare within one table:
the columns of ratios say more than milliseconds. Weights are random, and int8 is calibrated on drawings, which makes no
difference to the time. Needs the extras ``train`` and ``int8``; what is not installed is left out.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:  # libraries of numbers are loaded under the cap
    from torch import Tensor

    from yolo3 import Darknet
    from yolo3.choices import Int8Backend
    from yolo3.predictor import PredictorSettings
    from yolo3.protocols import Detector

Form = Callable[[], object]
"""A forward of the images."""

CAPS = {
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions of torch and of OpenVINO
        "ATEN_CPU_CAPABILITY": "avx2",  # all else of torch
    }
}
"""Environment variables that keep libraries from what a lesser CPU lacks. onnxruntime reads none, see `capped.py`."""
FEATURES = (
    *("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8"),
    *("amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve"),
)
"""Names in /proc/cpuinfo of what matters here."""
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    options = arguments()
    if options.cap and not is_capped(options.cap):
        sys.exit(run_capped(options.cap))
    text = report(options)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"{file_name(options)}.md"
    path.write_text(text, encoding="utf-8")
    print(path)


def is_capped(cap: str) -> bool:
    return all(os.environ.get(name) == value for name, value in CAPS[cap].items())


def run_capped(cap: str) -> int:
    """The same command in a process whose libraries are capped, since they look at the CPU when they are loaded."""
    from capped import capped_onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | CAPS[cap] | capped_onnxruntime(Path(folder))
        return subprocess.run([sys.executable, *sys.argv], env=environment).returncode


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--model", default="yolov3", help="a cfg that comes with yolo3, without its suffix")
    parser.add_argument("--size", type=int, default=416, help="pixels of the network input")
    parser.add_argument(
        "--cpu-time", action="store_true", help="where others use the machine too; with OMP_NUM_THREADS=1"
    )
    parser.add_argument("--cap", choices=CAPS, help="no more instructions than a CPU of this kind has")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the table")
    return parser.parse_args()


def report(options: argparse.Namespace) -> str:
    import torch

    from yolo3.darknet import Darknet
    from yolo3.system.memory import keep_memory

    keep_memory()  # as the commands of yolo3 do; other runtimes have memory of their own
    torch.manual_seed(0)
    detector = Darknet(options.model).eval()
    with tempfile.TemporaryDirectory() as folder:
        files = exported(detector, Path(folder), options.size)
        columns = {}
        for batch_size in options.batches:
            images = torch.rand(batch_size, 3, options.size, options.size)
            columns[batch_size] = medians(
                forms(detector, images, files, options.cap is not None),
                options.repeats,
                time.process_time if options.cpu_time else time.perf_counter,
            )
    return "\n".join([*heading(options), "", *table(columns), ""])


def heading(options: argparse.Namespace) -> list[str]:
    import torch

    from yolo3.system.hardware import cpu_name

    packages = [
        f"{name} {known}"
        for name in ("torch", "onnxruntime", "openvino", "opencv-python-headless")
        if (known := installed(name))
    ]
    count = torch.get_num_threads()
    threads = f"{count} thread{'' if count == 1 else 's'}"
    capped = []
    if options.cap:
        settings = " ".join(f"{name}={value}" for name, value in CAPS[options.cap].items())
        left_out = "OpenCV is" if has_capped_onnxruntime() else "onnxruntime and OpenCV are"
        capped = [f"Capped to {options.cap.upper()}: `{settings}`. {left_out} not, and left out.", ""]
    load = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    clock = "CPU time" if options.cpu_time else "time"
    work = (
        f"{options.model} at {options.size} x {options.size}, {clock}, median of {options.repeats}, all forms in turns"
    )
    return [
        f"# {kind(options.cap)}: {cpu_name()}, {threads}, {today()}",
        "",
        *capped,
        f"CPU features: {', '.join(features())}. Load of the machine at the end: {load}.",
        f"{work}. {', '.join(packages)}.",
    ]


def table(columns: dict[int, dict[str, float]]) -> list[str]:
    """A row per form; of each batch the milliseconds, and how many times as fast as eager PyTorch."""
    titles = ["form"]
    for batch_size in columns:
        titles += [f"batch of {batch_size}, ms", "times eager"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name in next(iter(columns.values())):
        cells = [name]
        for times in columns.values():
            cells += [f"{1e3 * times[name]:.1f}", f"{times['eager PyTorch fp32'] / times[name]:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def exported(detector: "Darknet", folder: Path, size: int) -> dict[str, Path]:
    """Files of the detector, by what reads them."""
    from yolo3.checkpoint import ModelCard
    from yolo3.darknet import save_darknet_weights
    from yolo3.data.fitting import to_tensor
    from yolo3.data.shapes import ShapesDataset
    from yolo3.export import export_onnx
    from yolo3.export.quantising import quantise

    files = {}
    if find_spec("onnxruntime"):
        files["fp32"] = folder / "fp32.onnx"
        export_onnx(detector, files["fp32"], ModelCard(image_size=(size, size)), "decoded")
        drawings = [to_tensor(drawing.image) for drawing in ShapesDataset(4, (size, size))]
        backends: tuple[Int8Backend, ...] = ("onnxruntime", "openvino")
        for backend in backends:
            files[backend] = folder / f"{backend}.onnx"
            quantise(files["fp32"], files[backend], drawings, backend)
    if find_spec("cv2"):
        files["opencv"] = folder / "network.weights"
        save_darknet_weights(detector, files["opencv"])
    return files


def forms(detector: "Darknet", images: "Tensor", files: dict[str, Path], capped: bool) -> dict[str, Form]:
    """Every way to run the network, by name; each call is one forward of the images."""
    import torch

    from yolo3 import Predictor
    from yolo3.runtime import Engine, ExportedDetector

    size = images.shape[-1]

    def ours(seen: "Detector" = detector, **settings: "Unpack[PredictorSettings]") -> Form:
        predictor = Predictor(seen, **(settings | {"image_size": size, "batch_size": len(images)}))
        return lambda: predictor.runtime(images)

    def plain() -> object:
        with torch.inference_mode():
            return detector(images)

    found = {"eager PyTorch fp32": plain, "Predictor fp32": ours(precision="fp32")}
    if has_half():
        found["Predictor bf16"] = ours(precision="bf16")
    if "onnxruntime" in files:
        found["Predictor int8, onnxruntime"] = ours(ExportedDetector(files["onnxruntime"], Engine("onnxruntime")))
        found["onnxruntime fp32"] = onnxruntime_form(files["fp32"], images)
    if "openvino" in files and find_spec("openvino"):
        found["Predictor int8, OpenVINO"] = ours(ExportedDetector(files["openvino"], Engine("openvino")))
        found["OpenVINO fp32"] = openvino_form(files["fp32"], images, "f32")
        if has_half():
            found["OpenVINO bf16"] = openvino_form(files["fp32"], images, "bf16")
    if "opencv" in files:
        found["OpenCV dnn fp32"] = opencv_form(detector, files["opencv"], images)
    return {name: form for name, form in found.items() if not (capped and _is_uncapped(name))}


def _is_uncapped(name: str) -> bool:
    return "OpenCV" in name or ("onnxruntime" in name and not has_capped_onnxruntime())


def has_capped_onnxruntime() -> bool:
    """Whether onnxruntime is the copy of `run_capped`, which lies beside what is preloaded."""
    found = find_spec("onnxruntime")
    folder = Path(os.environ.get("LD_PRELOAD", "")).parent
    return found is not None and found.origin is not None and Path(found.origin).parents[1] == folder


def onnxruntime_form(path: Path, images: "Tensor") -> Form:
    from yolo3.export.session import open_session

    session = open_session(str(path))
    return lambda: session.run(None, {"images": images.numpy()})


def openvino_form(path: Path, images: "Tensor", hint: str) -> Form:
    import openvino
    import torch

    core = openvino.Core()
    network = core.read_model(path)
    network.reshape(list(images.shape))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = core.compile_model(network, "CPU", settings)
    return lambda: compiled(images.numpy())


def opencv_form(detector: "Darknet", weights: Path, images: "Tensor") -> Form:
    import cv2
    import torch

    cv2.setNumThreads(torch.get_num_threads())
    cfg = weights.with_suffix(".cfg")
    cfg.write_text(sized(detector.cfg_text, images.shape[-1]))
    network = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    outputs = network.getUnconnectedOutLayersNames()

    def run() -> object:
        network.setInput(images.numpy())
        return network.forward(outputs)

    return run


def sized(cfg: str, size: int) -> str:
    """The text of a cfg with another size of the network input."""
    return re.sub(r"^(width|height)\s*=\s*\d+", rf"\g<1>={size}", cfg, flags=re.MULTILINE)


def medians(work: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each form by a clock, after two calls to warm up, all taking turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for form in work.values():
        form()
    for _ in range(repeats + 1):
        for name, form in work.items():
            start = clock()
            form()
            times[name].append(clock() - start)
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def has_half() -> bool:
    import torch

    from yolo3.system.devices import choose_type

    return choose_type("auto", torch.device("cpu")) == torch.bfloat16


def features() -> list[str]:
    """The CPU's instructions that matter here; nothing where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    line = re.search(r"^(?:flags|Features)\s*: (.*)$", text, re.MULTILINE)
    has = set(line[1].split()) if line else set()
    return [name for name in FEATURES if name in has]


def kind(cap: str | None) -> str:
    """The kind of machine, by which a reader finds a table like their own."""
    if cap:
        return cap.upper()
    has = set(features())
    order = (
        ("amx_int8", "AMX"),
        ("avx512_bf16", "AVX512-BF16"),
        ("avx512f", "AVX512"),
        ("avx2", "AVX2"),
        ("asimd", "ARM"),
    )
    return next((name for feature, name in order if feature in has), "CPU")


def file_name(options: argparse.Namespace) -> str:
    from yolo3.system.hardware import cpu_name

    words = [
        cpu_name(),
        *([f"capped to {options.cap}"] if options.cap else []),
        *([] if options.model == "yolov3" else [options.model]),
    ]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") + f"-{today()}"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
