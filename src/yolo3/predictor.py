"""Predictor: from files, folders and arrays to detections in their own pixels."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor

from yolo3.backends import ExportedDetector, on_backend
from yolo3.boxes import Letterbox
from yolo3.checkpoint import ModelCard, load_checkpoint
from yolo3.choices import Backend, Fit, Precision
from yolo3.data.fitting import prepared
from yolo3.devices import choose_device, choose_type
from yolo3.inputs import check_channels
from yolo3.models.running import RunningNetwork
from yolo3.names import check_class_names
from yolo3.pipeline import ahead, batches
from yolo3.protocols import Detector
from yolo3.published import open_published
from yolo3.sources import Picture, Source, as_frame, find_pictures
from yolo3.structures import Candidates, Detections, check_image_size
from yolo3.suppression import MIN_SCORE, Suppression, check_count, class_scores

_DECODERS = min(8, os.cpu_count() or 1)  # threads that read pictures while the network runs


class PredictorSettings(TypedDict, total=False):
    """Keyword arguments of a `Predictor`, documented there."""

    image_size: int | tuple[int, int] | None
    precision: Precision
    letterbox: Fit | None
    min_score: float | Mapping[str, float]
    iou_threshold: float
    max_detections: int
    class_agnostic: bool
    batch_size: int
    device: str | torch.device
    backend: Backend | None
    classes: Sequence[str | int] | None
    compile: bool


class Predictor:
    """Finds objects in pictures.

    It works on a copy of the detector, in evaluation mode: yours stays as it is. Threads read the next pictures and fit
    them to the network's input while another runs the network, and the last ones are being suppressed and handed out.

    Args:
        detector: Detector that finds the objects.
        names: Class names; empty where the detector has none.
        image_size: (height, width) of the network input, or one number for both. None is the detector's own
            ``image_size`` where it has one, else 416.
        precision: Numbers that the network computes with. ``auto`` is half precision where the device is fast at it:
            float16 on CUDA, bfloat16 on a CPU with AMX or AVX512-BF16; float32 elsewhere.
        letterbox: Way an image is fitted to the network input, see `Letterbox.fit`. None is ``default``.
        min_score: Confidence threshold; objects that score above it are kept. One number, or a number per class as in
            ``{"dog": 0.5}``, the others at 0.25.
        iou_threshold: IoU above which a box is dropped in favour of a better one (NMS).
        max_detections: Largest number of detections per image; ``limit_reached`` tells where there are more.
        class_agnostic: Let a box drop boxes of other classes too.
        batch_size: Number of images that go through the network together.
        device: Device that the network runs on. ``auto`` is CUDA where there is some, else the CPU.
        backend: Runtime of the network: ``torch``; ``onnxruntime`` or ``openvino``, on the CPU, to which the detector
            is exported first. None is torch, or the runtime of an `ExportedDetector`.
        classes: Names or numbers of the classes to look for; None is all.
        compile: Run the network through ``torch.compile``, see `CompiledNetwork`: the first image and the first whole
            batch take a minute or so each, all after them are faster.

    Attributes:
        min_score: Confidence threshold; of thresholds per class, that of the classes for which none was given.
        suppression: Thresholds and limits that make detections of the network's candidates.
        num_classes: Number of classes of the detector.
        network: Copy of the detector that runs.

    Raises:
        ModuleNotFoundError: without the extra that brings the backend.
        ValueError: names that are not one a class, or not all different, a detector that does not take three channels
            or whose weights are not finite, an image size that is not a multiple of its stride, an unknown precision,
            letterbox, device, backend or class, a threshold outside [0, 1], a batch size below 1, ``max_detections``
            below 0, ``compile`` with another backend than torch.
    """

    def __init__(
        self,
        detector: Detector,
        names: Sequence[str] = (),
        image_size: int | tuple[int, int] | None = None,
        precision: Precision = "auto",
        letterbox: Fit | None = "default",
        min_score: float | Mapping[str, float] = MIN_SCORE,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        class_agnostic: bool = False,
        batch_size: int = 8,
        device: str | torch.device = "auto",
        backend: Backend | None = None,
        classes: Sequence[str | int] | None = None,
        compile: bool = False,
    ) -> None:
        if names and len(names) != detector.num_classes:
            raise ValueError(f"{len(names)} names for a detector of {detector.num_classes} classes")
        check_class_names(names)
        check_channels(detector)
        check_count("batch_size", batch_size, 1)
        if image_size is None:
            image_size = getattr(detector, "image_size", None) or 416
        self.names = tuple(names)
        self.num_classes = detector.num_classes
        self.image_size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        check_image_size(self.image_size, detector.stride)
        self.letterbox: Fit = letterbox or "default"
        Letterbox.fit((1, 1), self.image_size, self.letterbox)  # complain of a wrong one now, not at the first image
        scores = class_scores(detector.num_classes, min_score, classes, self.names)
        self.suppression = Suppression(scores, iou_threshold, max_detections, class_agnostic)
        self.min_score = MIN_SCORE if isinstance(min_score, Mapping) else min_score
        self.batch_size = batch_size
        if compile and (backend not in (None, "torch") or isinstance(detector, ExportedDetector)):
            raise ValueError("compile goes with backend torch; other runtimes compile in their own way")
        detector = on_backend(detector, backend, precision, self.image_size)
        elsewhere = isinstance(detector, ExportedDetector)  # computes on the CPU, in the precision that it has
        if elsewhere and str(device) not in ("auto", "cpu"):
            raise ValueError(f"device {str(device)!r} is for backend torch; onnxruntime and openvino use the CPU here")
        self.device = choose_device("cpu" if elsewhere else device)
        self.dtype = torch.float32 if elsewhere else choose_type(precision, self.device)
        self.network = RunningNetwork(detector, self.device, self.dtype, batch_size, compile)

    @classmethod
    def from_checkpoint(
        cls,
        directory: str | os.PathLike[str],
        detector: Detector | None = None,
        **settings: Unpack[PredictorSettings],
    ) -> "Predictor":
        """The predictor of a detector on disk, with the names, image size and letterbox it was trained with.

        Args:
            directory: Folder of the checkpoint.
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
                ``backend`` of None is onnxruntime.
                ``precision`` is ``fp32``, with OpenVINO ``bf16`` too; ``auto`` is the fastest that the hardware has.
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
        """The objects of every picture of a source, in its order.

        Args:
            source: a picture's file, a folder, a glob, a PIL image, (H, W, 3) uint8 RGB, a (3, H, W) tensor in [0, 1],
                or an iterable of them.

        Returns:
            Boxes in pixels of each picture (a file's as a person sees it, EXIF orientation applied), on the CPU.

        Raises:
            ValueError: a picture that cannot be read, or something that is no source.
        """
        return [found for _, found in self.stream(source)]

    def stream(self, source: Source) -> Iterator[tuple[str, Detections]]:
        """The same one by one, as (name of the picture, its objects): memory stays constant however many there are."""
        decoders = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decoder")
        network = ThreadPoolExecutor(1, thread_name_prefix="network")
        try:
            prepared = ahead(decoders, self._prepare, find_pictures(source), self.batch_size)
            for batch, predictions in ahead(network, self._seen, batches(prepared, self.batch_size), 1):
                yield from self._found_in(batch, predictions)
        finally:
            network.shutdown(cancel_futures=True)
            decoders.shutdown(cancel_futures=True)

    def prepare(self, picture: Picture) -> "Prepared":
        """A picture fitted to the network's input: for those who gather batches of their own, with `candidates`.

        Raises:
            ValueError: a picture that cannot be read.
        """
        return self._prepare(("the picture", picture))

    def candidates(self, batch: Sequence["Prepared"]) -> list[Candidates]:
        """What the network sees in each picture, (1, N, 4) boxes before suppression, in one pass.

        `suppress` and `in_picture` make detections of them, with any thresholds and as often as is wanted.
        """
        seen = self.network.decode(self._seen(batch)[1], len(batch))
        return [
            Candidates(boxes[None].cpu(), scores[None].cpu())
            for boxes, scores in zip(seen.boxes, seen.scores, strict=True)
        ]

    def _prepare(self, named: tuple[str, Picture]) -> "Prepared":
        name, picture = named
        image, letterbox = prepared(as_frame(name, picture).reduced, self.image_size, self.letterbox)
        return Prepared(name, image, letterbox)

    def _seen(self, batch: Sequence["Prepared"]) -> tuple[Sequence["Prepared"], Any]:
        """Pictures, and the network's predictions for them."""
        images = torch.stack([prepared.image for prepared in batch])
        return batch, self.network(images)

    def _found_in(self, batch: Sequence["Prepared"], predictions: Any) -> list[tuple[str, Detections]]:
        seen = self.network.decode(predictions, len(batch))
        found = self.suppression(seen)
        return [
            (prepared.name, replace(in_picture(detections, prepared.letterbox), class_names=self.names))
            for prepared, detections in zip(batch, found, strict=True)
        ]


def in_picture(found: Detections, letterbox: Letterbox) -> Detections:
    """Detections in pixels of the network input -> in pixels of the picture, on the CPU, without those in the bars."""
    boxes = letterbox.invert(found.boxes)
    inside = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return replace(found, boxes=boxes)[inside].to("cpu")


@dataclass(frozen=True)
class Prepared:
    """A picture on its way to the network."""

    name: str
    image: Tensor
    """(3, H, W) as the network takes it."""
    letterbox: Letterbox
    """The way back."""
