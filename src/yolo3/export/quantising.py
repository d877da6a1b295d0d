"""Static quantisation of an exported file by onnxruntime: inner convolutions in int8, all else as it was."""

import tempfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from torch import Tensor

from yolo3.choices import Int8Backend
from yolo3.export.sealing import read_sealed, write_described
from yolo3.system.extras import not_installed


def check_quantiser() -> None:
    """Raise the ModuleNotFoundError of what `quantise` needs and is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise not_installed("int8 files need", package, "int8")


def quantise(source: Path, target: Path, inputs: Iterable[Tensor], backend: Int8Backend) -> int:
    """Write an exported file anew with its inner convolutions in int8, one scale per channel of the weights.

    The first convolutions stay float32, and so do the last ones, which give the predictions, and decoding. The range of
    each activation is the smallest and the largest value that it has on the inputs. Activations lie between
    convolutions, as OpenVINO runs them in int8, and for onnxruntime right behind each convolution too, without which it
    would run in float32.

    Args:
        source: File that `export_onnx` wrote, not of the kind ``detections``.
        target: File to write; its metadata says ``precision`` and ``backend`` besides.
        inputs: (C, H, W) network inputs to calibrate on, one after another.
        backend: Backend that the file is for.

    Returns:
        Number of inputs.

    Raises:
        ModuleNotFoundError: onnxruntime is not installed.
        ValueError: No input at all; a network without inner convolutions.
    """
    check_quantiser()
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = read_sealed(source)
    about = {entry.key: entry.value for entry in model.metadata_props}
    convolutions = inner_convolutions(model)
    if not convolutions:
        raise ValueError("int8 gains nothing: this network has no convolution between its first and its last ones")
    waiting = iter(inputs)
    first = next(waiting, None)
    if first is None:
        raise ValueError("no image to calibrate on")
    reader = _Reader(chain([first], waiting))
    with tempfile.TemporaryDirectory(prefix="yolo3-") as folder:
        known = Path(folder) / "known.onnx"  # with the shapes of all values, which the quantiser asks for
        quantised = Path(folder) / "quantised.onnx"
        quant_pre_process(model, known, skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            known,
            quantised,
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=convolutions,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Conv"] if backend == "openvino" else []},
        )
        write_described(onnx.load(quantised), target, about | {"precision": "int8", "backend": backend})
    return reader.count


def inner_convolutions(model: Any) -> list[str]:
    """The names of the convolutions that others come both before and after.

    Args:
        model: An ``onnx.ModelProto``, its nodes in the order in which they run.
    """
    nodes = [node for node in model.graph.node if node.op_type != "Shape"]  # what follows a size follows no values
    before = _reached([(node, node.input, node.output) for node in nodes])
    after = _reached([(node, node.output, node.input) for node in reversed(nodes)])
    return [node.name for node in nodes if node.op_type == "Conv" and node.name in before and node.name in after]


def _reached(steps: Sequence[tuple[Any, Sequence[str], Sequence[str]]]) -> set[str]:
    """The names of the nodes that a convolution leads to, where each step is a node, its values and those it leads to.

    A node comes after all that lead to it.
    """
    values: set[str] = set()
    names: set[str] = set()
    for node, taken, given in steps:
        is_reached = not values.isdisjoint(taken)
        if is_reached:
            names.add(node.name)
        if is_reached or node.op_type == "Conv":
            values.update(name for name in given if name)
    return names


class _Reader:
    """Network inputs as onnxruntime's quantiser takes them, batches of one."""

    def __init__(self, inputs: Iterable[Tensor]) -> None:
        self._inputs = iter(inputs)
        self.count = 0

    def get_next(self) -> dict[str, Any] | None:
        """The next input by the name that it has in the graph; None after the last."""
        image = next(self._inputs, None)
        if image is None:
            return None
        self.count += 1
        return {"images": image[None].float().cpu().numpy()}
