"""Predictor: from files, folders and arrays to detections in their own pixels."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from yolo3.boxes import Fit, Letterbox
from yolo3.checkpoint import load_checkpoint
from yolo3.data import network_input
from yolo3.devices import Precision, choose_device, choose_type
from yolo3.models.fusing import fuse
from yolo3.protocols import Detector
from yolo3.sources import Picture, Source, find_pictures, rgb_array
from yolo3.structures import Candidates, Detections, check_image_size
from yolo3.suppression import suppress

_DECODERS = min(8, os.cpu_count() or 1)  # threads that read pictures while the network runs


class Predictor:
    """Finds objects in pictures.

    It works on a copy of the detector, in evaluation mode: yours stays as it is. A few threads read pictures and fit
    them to the network's input while the network runs on the ones before.

    Args:
        detector: finds the objects.
        names: of its classes; empty where they have none.
        image_size: (height, width) of the network input, or one number for both; None is the detector's own
            ``image_size`` where it has one, else 416.
        precision: ``auto`` is half precision where the device is fast at it: float16 on CUDA, bfloat16 on a CPU with
            AMX or AVX512-BF16; float32 elsewhere.
        letterbox: how a picture is fitted to the input, see `Letterbox.fit`.
        min_score: see `suppress`, as the next three.
        iou_threshold: of suppression.
        max_detections: a picture.
        class_agnostic: suppress across classes.
        batch_size: pictures that go through the network together.
        device: ``auto`` is CUDA where there is some, else the CPU.

    Raises:
        ValueError: names that are not one a class, an image size that is not a multiple of the detector's stride, an
            unknown precision, letterbox or device, a threshold outside [0, 1], a batch size below 1.
    """

    def __init__(
        self,
        detector: Detector,
        names: Sequence[str] = (),
        image_size: int | tuple[int, int] | None = None,
        precision: Precision = "auto",
        letterbox: Fit = "default",
        min_score: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        class_agnostic: bool = False,
        batch_size: int = 8,
        device: str | torch.device = "auto",
    ) -> None:
        if names and len(names) != detector.num_classes:
            raise ValueError(f"{len(names)} names for a detector of {detector.num_classes} classes")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        if image_size is None:
            image_size = getattr(detector, "image_size", None) or 416
        self.names = tuple(names)
        self.image_size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        check_image_size(self.image_size, detector.stride)
        # complain of a wrong setting now, not at the first picture
        Letterbox.fit((1, 1), self.image_size, letterbox)
        suppress(Candidates(torch.zeros(0, 0, 4), torch.zeros(0, 0, 1)), min_score, iou_threshold)
        self.letterbox, self.batch_size = letterbox, batch_size
        self.min_score, self.iou_threshold = min_score, iou_threshold
        self.max_detections, self.class_agnostic = max_detections, class_agnostic
        self.device = choose_device(device)
        self.dtype = choose_type(precision, self.device)
        self._detector = _for_inference(detector, self.device, self.dtype)

    @classmethod
    def from_checkpoint(
        cls,
        directory: str | os.PathLike[str],
        detector: Detector | None = None,
        *,
        image_size: int | tuple[int, int] | None = None,
        precision: Precision = "auto",
        letterbox: Fit | None = None,
        min_score: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        class_agnostic: bool = False,
        batch_size: int = 8,
        device: str | torch.device = "auto",
    ) -> "Predictor":
        """The predictor of a detector on disk, with the names, image size and letterbox it was trained with.

        Args:
            directory: of the checkpoint.
            detector: to fill, where the checkpoint's has parts of your own; see `load_checkpoint`.
            image_size: None is the checkpoint's; the others as in the class.
            precision: as in the class.
            letterbox: None is the checkpoint's.
            min_score: as in the class.
            iou_threshold: as in the class.
            max_detections: as in the class.
            class_agnostic: as in the class.
            batch_size: as in the class.
            device: as in the class.
        """
        loaded, card = load_checkpoint(directory, detector)
        return cls(
            loaded,
            card.names,
            image_size=image_size or card.image_size,
            precision=precision,
            letterbox=letterbox or card.letterbox,
            min_score=min_score,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            class_agnostic=class_agnostic,
            batch_size=batch_size,
            device=device,
        )

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
        try:
            prepared = self._prepared_ahead(decoders, find_pictures(source))
            while batch := list(islice(prepared, self.batch_size)):
                yield from self._found_in(batch)
        finally:
            decoders.shutdown(cancel_futures=True)

    def _prepared_ahead(
        self, decoders: ThreadPoolExecutor, pictures: Iterable[tuple[str, Picture]]
    ) -> Iterator["_Prepared"]:
        """Network inputs in order, the next two batches already in the making."""
        waiting: deque[Future[_Prepared]] = deque()
        for name, picture in pictures:
            waiting.append(decoders.submit(self._prepare, name, picture))
            if len(waiting) > 2 * self.batch_size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _prepare(self, name: str, picture: Picture) -> "_Prepared":
        image = rgb_array(name, picture)
        letterbox = Letterbox.fit((image.shape[0], image.shape[1]), self.image_size, self.letterbox)
        return _Prepared(name, network_input(image, letterbox, self.letterbox), letterbox)

    def _found_in(self, batch: Sequence["_Prepared"]) -> list[tuple[str, Detections]]:
        predictions = self._predict(torch.stack([prepared.image for prepared in batch]))
        with torch.no_grad():  # inference mode would leave detections that the user may not change
            candidates = self._detector.decode(predictions)
            found = suppress(candidates, self.min_score, self.iou_threshold, self.max_detections, self.class_agnostic)
        return [
            (prepared.name, replace(in_picture(detections, prepared.letterbox), class_names=self.names))
            for prepared, detections in zip(batch, found, strict=True)
        ]

    def _predict(self, images: Tensor) -> tuple[Tensor, ...]:
        images = images.to(self.device, memory_format=torch.channels_last)
        half = self.dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.dtype if half else None, enabled=half):
            return self._detector(images)


def in_picture(found: Detections, letterbox: Letterbox) -> Detections:
    """Detections in pixels of the network input -> in pixels of the picture, on the CPU, without those in the bars."""
    boxes = letterbox.invert(found.boxes)
    inside = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return replace(found, boxes=boxes)[inside].to("cpu")


@dataclass(frozen=True)
class _Prepared:
    """A picture on its way to the network."""

    name: str
    image: Tensor
    letterbox: Letterbox


def _for_inference(detector: Detector, device: torch.device, dtype: torch.dtype) -> Detector:
    """A copy made to run: BatchNorm folded, channels last, convolutions in the type that autocast casts them to."""
    if not isinstance(detector, nn.Module):
        raise ValueError(f"a detector is an nn.Module, not a {type(detector).__name__}")
    fused = fuse(detector).to(device)
    fused.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's annotations
    for module in fused.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(dtype)  # once, not at every batch; a BatchNorm that is left stays float32
    return fused
