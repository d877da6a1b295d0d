"""Sessions of onnxruntime, with as many threads as torch."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch

from yolo3.export.graph import first_line

Provider: TypeAlias = tuple[str, dict[str, str]]
"""An execution provider of onnxruntime: its name and its options."""

CPU: Provider = ("CPUExecutionProvider", {})
"""The provider that every onnxruntime has."""


def open_session(model: str | bytes, providers: Sequence[Provider] = (CPU,)) -> Any:
    """An ``onnxruntime.InferenceSession``.

    Args:
        model: Path or content of an ONNX file.
        providers: Execution providers; each runs what those before it cannot.

    Raises:
        ValueError: A model that onnxruntime cannot load, such as one of too new an opset; a first provider that this
            onnxruntime does not have, or that does not start.
    """
    import onnxruntime  # of the extra `export`
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    wanted = providers[0][0]
    there = onnxruntime.get_available_providers()
    if wanted not in there:
        raise ValueError(
            f"this onnxruntime has no {wanted}, only {', '.join(there)}; install onnxruntime-gpu in its place"
        )
    usable = [provider for provider in providers if provider[0] in there]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of thresholds that are inputs, which is how an export is verified
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(model, options, providers=usable)
    except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.NotImplemented) as error:
        raise cannot_load(f"onnxruntime {onnxruntime.__version__}", error) from error
    if wanted not in session.get_providers():  # it goes on without those that do not start
        raise ValueError(f"{wanted} does not start, see the message of onnxruntime above; are its libraries installed?")
    return session


def cannot_load(runtime: str, error: Exception) -> ValueError:
    """The error of a runtime that cannot load a network, for the caller to raise."""
    return ValueError(f"{runtime} cannot load the exported network ({first_line(error)}); try a lower --opset")
