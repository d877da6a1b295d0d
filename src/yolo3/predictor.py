"""Predictor: from files, folders and arrays to detections in their own pixels."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor

from yolo3.boxes import InputFormat, height_width
from yolo3.checkpoint import ModelCard, load_checkpoint
from yolo3.checks.names import check_class_names
from yolo3.choices import Backend, InferencePrecision, LetterboxName, OnError
from yolo3.data.batch import stack
from yolo3.data.fitting import Prepared, in_image, prepared
from yolo3.images import ImageArray, ImageError, Least, with_channels
from yolo3.protocols import Detector, image_size_of, in_channels_of
from yolo3.published import open_published
from yolo3.runtime import ExportedDetector, load_runtime
from yolo3.sources import ErrorPlace, Frame, ImageLike, Source, Unreadable, as_frame, find_frames, kept
from yolo3.structures import Candidates, Detections, check_image_size
from yolo3.suppression import MIN_SCORE, Suppression, check_count, class_scores
from yolo3.system.hardware import InferenceHardware
from yolo3.system.threads import ahead, batches

CALIBRATION_IMAGES = 300
"""Number of images that int8 is calibrated on, unless there are fewer; more make little difference."""

_DECODERS = min(8, os.cpu_count() or 1)  # threads that read images while the network runs


class PredictorSettings(TypedDict, total=False):
    """Keyword arguments of a `Predictor`, documented there."""

    image_size: int | tuple[int, int] | None
    precision: InferencePrecision
    letterbox: LetterboxName | None
    min_score: float | Mapping[str, float]
    iou_threshold: float
    max_detections: int
    class_agnostic: bool
    batch_size: int
    device: str | torch.device
    backend: Backend | None
    classes: Sequence[str | int] | None
    compile: bool
    calibrate: Source | None


class Predictor:
    """Object detection in images, folders, arrays and videos.

    It works on a copy of the detector, in evaluation mode: yours stays as it is. Decoder threads read the next images
    and fit them to the network input, another thread runs the network, and NMS runs on the last batch meanwhile.

    Args:
        detector: Detector that finds the objects.
        names: Class names; empty where the detector has none.
        image_size: (height, width) of the network input, or one number for both. None is the detector's own
            ``image_size`` where it has one, else 416.
        precision: Numbers that the network computes with. ``auto`` is half precision where the device is fast at it:
            float16 on CUDA, MPS and most XPUs, bfloat16 on a CPU with AMX or AVX512-BF16; float32 elsewhere. ``int8``
            is for the other backends, with ``calibrate``.
        letterbox: Way an image is fitted to the network input, see `Letterbox.fit`. None is ``default``.
        min_score: Confidence threshold; objects that score above it are kept. One number, or a number per class as in
            ``{"dog": 0.5}``, the others at 0.25.
        iou_threshold: IoU above which a box is dropped in favour of a better one (NMS).
        max_detections: Largest number of detections per image; ``limit_reached`` tells where there are more.
        class_agnostic: Let a box drop boxes of other classes too.
        batch_size: Number of images that go through the network together.
        device: Device that the network runs on. ``auto`` is the accelerator that torch finds (CUDA, MPS, XPU), else
            the CPU.
        backend: Runtime of the network: ``torch``; ``onnxruntime`` or ``openvino``, on the CPU, or ``tensorrt``, on the
            first GPU, to which the detector is exported first. None is torch, or the runtime of an `ExportedDetector`.
            ``auto`` is OpenVINO in place of torch where that is installed, the CPU computes in float32, and a trial of
            this network on this machine, done once, finds it faster.
        classes: Names or numbers of the classes to look for; None is all.
        compile: Run the network through ``torch.compile``, see `CompiledNetwork`: the first image and the first whole
            batch take a minute or so each, all after them are faster. On CUDA single images then replay a CUDA graph,
            see `RecordedNetwork`.
        calibrate: Images that ``int8`` is calibrated on, at most 300 of them, such as those of the training; nothing
            tells how much accuracy is lost, which ``yolo3 export --precision int8`` measures.

    Attributes:
        min_score: Confidence threshold; of thresholds per class, that of the classes for which none was given.
        suppression: Thresholds and limits that make detections of the network's candidates.
        num_classes: Number of classes of the detector.
        input_format: Size, letterbox and channels of the network input.
        runtime: Copy of the detector that runs, with its ``device`` and ``dtype``.

    Raises:
        ModuleNotFoundError: The backend is not installed.
        ValueError: Names that are not one per class, or not all different; a detector whose weights are not finite; an
            image size that is not a multiple of its stride; an unknown precision,
            letterbox, device, backend or class; a threshold outside [0, 1]; a batch size below 1; ``max_detections``
            below 0; ``compile`` with another backend than torch.
    """

    def __init__(
        self,
        detector: Detector,
        names: Sequence[str] = (),
        image_size: int | tuple[int, int] | None = None,
        precision: InferencePrecision = "auto",
        letterbox: LetterboxName | None = "default",
        min_score: float | Mapping[str, float] = MIN_SCORE,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        class_agnostic: bool = False,
        batch_size: int = 8,
        device: str | torch.device = "auto",
        backend: Backend | None = None,
        classes: Sequence[str | int] | None = None,
        compile: bool = False,
        calibrate: Source | None = None,
    ) -> None:
        if names and len(names) != detector.num_classes:
            raise ValueError(f"{len(names)} names for a detector of {detector.num_classes} classes")
        check_class_names(names)
        check_count("batch_size", batch_size, 1)
        if image_size is None:
            image_size = image_size_of(detector) or 416
        self.names = tuple(names)
        self.num_classes = detector.num_classes
        size = height_width(image_size)
        check_image_size(size, detector.stride)
        self.input_format = InputFormat(size, letterbox or "default", in_channels_of(detector))
        scores = class_scores(detector.num_classes, min_score, classes, self.names)
        self.suppression = Suppression(scores, iou_threshold, max_detections, class_agnostic)
        self.min_score = MIN_SCORE if isinstance(min_score, Mapping) else min_score
        self.batch_size = batch_size
        self.runtime = load_runtime(
            detector,
            self.image_size,
            InferenceHardware(str(device), precision, batch_size, backend, compile),
            calibration=None if calibrate is None else self._inputs(calibrate),
        )

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the network input, pixels."""
        return self.input_format.size

    @property
    def letterbox(self) -> LetterboxName:
        """Name of the letterbox that fits images to the network input."""
        return self.input_format.letterbox

    @property
    def in_channels(self) -> int:
        """Number of channels of the images that the detector takes; every image is read with so many."""
        return self.input_format.channels

    @classmethod
    def from_checkpoint(
        cls,
        directory: str | os.PathLike[str],
        detector: Detector | None = None,
        **settings: Unpack[PredictorSettings],
    ) -> "Predictor":
        """The predictor of a detector on disk, with the names, image size and letterbox it was trained with.

        Args:
            directory: Folder of the checkpoint, or ``hf://user/name@revision`` on the Hugging Face Hub.
            detector: Detector to fill, where the checkpoint's has parts of your own; see `load_checkpoint`.
            **settings: Keyword arguments of `Predictor`. An ``image_size`` or ``letterbox`` of None is
                the checkpoint's.
        """
        loaded, card = load_checkpoint(directory, detector)
        return cls.from_card(loaded, card, **settings)

    @classmethod
    def from_published(cls, name: str, **settings: Unpack[PredictorSettings]) -> "Predictor":
        """The predictor of a published detector, whose weights are fetched the first time; see `fetch`.

        Args:
            name: Name of the weights, such as ``yolov3-tiny``; `PUBLISHED` has them all.
            **settings: Keyword arguments of `Predictor`. An ``image_size`` or ``letterbox`` of None is the cfg's.

        Raises:
            FetchError: The weights are not on this machine and cannot be fetched.
            ValueError: An unknown name; a backbone, which detects nothing.
        """
        return cls.from_card(*open_published(name), **settings)

    @classmethod
    def from_exported(cls, path: str | os.PathLike[str], **settings: Unpack[PredictorSettings]) -> "Predictor":
        """The predictor of an ONNX file, with the names, image size and letterbox that the file tells.

        Args:
            path: File that ``yolo3 export`` wrote, ``decoded`` or ``detections``; thresholds in it are not used.
            **settings: Keyword arguments of `Predictor`. An ``image_size`` or ``letterbox`` of None is the file's; a
                ``backend`` of None is the one that the file was made for, see `ExportedDetector`.
                ``precision`` is ``fp32``, with OpenVINO ``bf16`` too, with TensorRT ``fp16``; ``auto`` is as in
                `ExportedDetector`, or the int8 of an int8 file.
        """
        exported = ExportedDetector(path)
        return cls.from_card(exported, exported.file.card, **settings)

    @classmethod
    def from_card(cls, detector: Detector, card: ModelCard, **settings: Unpack[PredictorSettings]) -> "Predictor":
        """The predictor of a detector, with the names, image size and letterbox of its card.

        Args:
            detector: Detector.
            card: Card of the detector.
            **settings: Keyword arguments of `Predictor`. An ``image_size`` or ``letterbox`` of None is the card's.
        """
        if settings.get("image_size") is None:
            settings["image_size"] = card.image_size
        if settings.get("letterbox") is None:
            settings["letterbox"] = card.letterbox
        return cls(detector, card.names, **settings)

    def __call__(self, source: Source) -> list[Detections]:
        """Detect the objects in every image of a source.

        Args:
            source: An image file, a folder, a glob, a PIL image, an (H, W, C) array, a (C, H, W) tensor in [0, 1], or
                an iterable of them; see `ImageLike`.

        Returns:
            Detections of each image, in the source's order: boxes in pixels of the image (upright, EXIF orientation
            applied), on the CPU.

        Raises:
            ValueError: An image that cannot be read or has other channels than the detector takes; something that is no
                source.
        """
        return [found for _, found in self.stream(source)]

    def stream(
        self, source: Source, on_error: OnError = "stop", errors: ErrorPlace | None = None
    ) -> Iterator[tuple[str, Detections]]:
        """Detect one image after another, as (name, detections): memory stays constant however many there are.

        Args:
            source: A source of images, which may be endless.
            on_error: ``stop`` raises the error of an image that cannot be read, after the results of those before it;
                ``skip`` goes on with the next image.
            errors: List, or anything else with ``append``, that takes an `Unreadable` for each image that is skipped.
                Without one, each is a warning.

        Raises:
            ValueError: With ``stop``, an image that cannot be read; something that is no source.
        """
        frames = find_frames(source, channels=self.in_channels, on_error=on_error, stems="plain")
        return ((frame.name, found) for frame, found in kept(self.outcomes(frames), on_error, errors))

    def frames(
        self, source: Source, on_error: OnError = "stop", errors: ErrorPlace | None = None
    ) -> Iterator[tuple[Frame, Detections]]:
        """Detect like `stream`, with each image as a `Frame` beside its detections.

        Args:
            source: A source of images, which may be endless.
            on_error: Treatment of an image that cannot be read, see `stream`.
            errors: Place for the images that are skipped, see `stream`.
        """
        frames = find_frames(source, channels=self.in_channels, on_error=on_error)
        return kept(self.outcomes(frames), on_error, errors)

    def outcomes(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | Unreadable]]:
        """Detect in one frame after another; an image that cannot be read has its error in its place.

        Args:
            frames: Frames, as `find_frames` gives them. Only the network input of a waiting one is kept.
        """
        decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decoder")
        network = ThreadPoolExecutor(1, thread_name_prefix="network")
        try:
            images = ahead(decoders, self._read, frames, self.batch_size)
            for batch, predictions in ahead(network, self._predict_readable, batches(images, self.batch_size), 1):
                count = sum(isinstance(image, Prepared) for _, image in batch)
                found = self._suppressed(predictions, count)
                for frame, image in batch:
                    if isinstance(image, Prepared):
                        yield frame, replace(in_image(next(found), image.letterbox), class_names=self.names)
                    else:
                        yield frame, image
                del predictions, found  # before the next ones are waited for, which take as much memory
        finally:
            network.shutdown(cancel_futures=True)
            decoders.shutdown(cancel_futures=True)

    def prepare(self, image: ImageLike) -> Prepared:
        """An image fitted to the network input: for batches of your own, with `candidates`.

        Raises:
            ValueError: An image that cannot be read.
        """
        frame = as_frame("the image", image, self.in_channels)

        def read(least: Least) -> tuple[ImageArray, tuple[int, int]]:
            pixels, size = frame.reduced(least)
            try:
                return with_channels(pixels, self.in_channels), size  # a frame of a video is RGB
            except ImageError as error:
                raise ValueError(f"{frame.name}: {error}") from error

        return prepared(read, self.input_format)

    def candidates(self, batch: Sequence[Prepared]) -> list[Candidates]:
        """Candidates in each image of a batch, (1, N, 4) boxes before suppression, from one network pass.

        `suppress` and `in_image` make detections of them, with any thresholds and as often as needed.

        Args:
            batch: Prepared images.
        """
        seen = self.runtime.decode(self._predict(batch), len(batch))
        return [
            Candidates(boxes[None].cpu(), scores[None].cpu())
            for boxes, scores in zip(seen.boxes, seen.scores, strict=True)
        ]

    def _read(self, frame: Frame) -> tuple[Frame, Prepared | Unreadable]:
        try:
            return frame, self.prepare(frame)
        except Exception as error:  # a decoder may have others than those it promises; the caller decides
            return frame, Unreadable(frame.name, error)

    def _predict_readable(self, batch: "FrameBatch") -> "tuple[FrameBatch, Any]":
        """A batch, and the predictions of the network for its readable images; None without any."""
        images = [image for _, image in batch if isinstance(image, Prepared)]
        return batch, self._predict(images) if images else None

    def _suppressed(self, predictions: Any, count: int) -> Iterator[Detections]:
        """The detections of each image of a batch, in pixels of the network input."""
        if count:
            for candidates in self.runtime.decode_in_turn(predictions, count):
                yield from self.suppression(candidates)

    def _inputs(self, source: Source) -> Iterator[Tensor]:
        """The network inputs of the first images of a source, one by one."""
        frames = find_frames(source, channels=self.in_channels)
        return (self.prepare(frame).image for frame in islice(frames, CALIBRATION_IMAGES))

    def _predict(self, batch: Sequence[Prepared]) -> Any:
        """Predictions of the network for a batch."""
        return self.runtime(stack([each.pixels for each in batch]))


FrameBatch = list[tuple[Frame, Prepared | Unreadable]]
"""Frames with their network inputs."""
