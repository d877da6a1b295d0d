"""`explain_prediction`: from a predictor and an image to everything that leads to its detections."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from yolo3.assign import BestAnchorPerScale
from yolo3.assign.explain import explain
from yolo3.boxes import Anchors, box_iou
from yolo3.data import Sample
from yolo3.explain.layercam import layer_cam
from yolo3.explain.slots import Reader, as_box
from yolo3.explain.suppressing import Trace, explained_detections, trace
from yolo3.explain.values import (
    ExplainedClass,
    ExplainedDetection,
    ExplainedObject,
    PredictionExplanation,
    ResponsibleSlot,
    ScaleMaps,
    SlotPrediction,
)
from yolo3.explain.verdicts import class_verdict, found_objects, object_verdict, threshold_of
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.predictor import Predictor
from yolo3.protocols import Assigner, anchors_of, class_activation_of, fixed_size_of
from yolo3.runtime import ExportedDetector
from yolo3.sources import ImageLike, as_frame
from yolo3.structures import Candidates, ScaleOutput
from yolo3.suppression import Suppression, class_number


def explain_prediction(
    predictor: Predictor,
    image: ImageLike,
    truth: Sample | None = None,
    why: str | int | None = None,
    suppression: Suppression | None = None,
    assigner: Assigner = BestAnchorPerScale(),
    model: str = "",
) -> PredictionExplanation:
    """Explain what a predictor finds in an image, and what it misses.

    The numbers are those of the predictor itself: the detections equal those of ``predictor(image)`` to the bit.

    Args:
        predictor: Predictor of a detector with anchors that runs on torch.
        image: An image file, a PIL image, an (H, W, C) array, a (C, H, W) tensor in [0, 1] or a `Frame`.
        truth: The labelled objects in the image; its labels are class numbers of the detector.
        why: Name or number of a class that is asked for: why it is found or missed, and what the network looks at.
            Default: the class of the best detection, or of the highest score where nothing is detected.
        suppression: Thresholds and limits. Default: the predictor's own.
        assigner: Policy that decides which slots are responsible for an object of ``truth``.
        model: Name of the model, for the text and the page.

    Raises:
        ValueError: A detector without anchors, such as YOLOv1; an exported one; test-time augmentation; an image that
            cannot be read; an unknown class; a truth of another image; an object in it that is invalid.
    """
    anchors = _anchors(predictor)
    frame = as_frame("the image", image, predictor.in_channels)
    prepared = predictor.prepare(frame)
    predictions = predictor.runtime(prepared.image[None])
    candidates = predictor.runtime.decode(predictions, 1)
    reader = Reader(
        ScaleOutput.from_predictions([each[:1].cpu() for each in predictions], anchors),
        Candidates(candidates.boxes.cpu(), candidates.scores.cpu()),
        prepared.letterbox,
        predictor.names,
        class_activation_of(predictor.runtime.module),
    )
    if suppression is None:
        suppression = predictor.suppression
    traced = trace(reader, suppression)
    detections = explained_detections(reader, traced)
    objects = None
    if truth is not None:
        _check_truth(truth, prepared.letterbox.image_size, predictor.num_classes)
        boxes = torch.from_numpy(truth.boxes)
        for number, found in found_objects(boxes, truth.labels.tolist(), detections).items():
            detections[number] = replace(detections[number], finds=found)
        objects = tuple(_objects(reader, traced, suppression, truth, detections, assigner))
    label = _label(predictor, reader, detections, why)
    asked = _asked(reader, traced, suppression, label, detections)
    return PredictionExplanation(
        name=frame.name,
        model=model,
        network_input=prepared.image,
        letterbox=prepared.letterbox,
        suppression=suppression,
        detections=tuple(detections),
        num_candidates=reader.num_candidates,
        num_passing=len(traced.choice.candidates),
        scales=_maps(reader, label, _cams(predictor, anchors, prepared.image, asked.targets, reader.scales)),
        asked=asked,
        objects=objects,
    )


def _check_truth(truth: Sample, image_size: tuple[int, int], num_classes: int) -> None:
    """Raise the ValueError of objects of another image, or of classes that the detector does not have."""
    if truth.size != image_size:
        sizes = " and ".join(f"{width} x {height}" for height, width in (truth.size, image_size))
        raise ValueError(f"the truth and the image are of {sizes} pixels; is it the truth of another image?")
    for number, label in enumerate(truth.labels.tolist()):
        if not 0 <= label < num_classes:
            raise ValueError(f"object {number} of the truth is of class {label}; there are 0..{num_classes - 1}")


def check_explainable(predictor: Predictor) -> None:
    """Raise the ValueError of a detector that cannot be explained."""
    _anchors(predictor)


def _anchors(predictor: Predictor) -> Anchors:
    """The anchors of a detector that can be explained."""
    network = predictor.runtime.network
    if isinstance(network, TestTimeAugmentation):
        raise ValueError("test-time augmentation looks at an image several times; explain the detector without it")
    if isinstance(network, ExportedDetector):
        raise ValueError(
            "an exported model tells boxes and scores, and not the logits behind them; explain the checkpoint or .cfg "
            "that it comes from, with backend torch"
        )
    anchors = anchors_of(network)
    if anchors is None:
        as_every = ", as every YOLOv1" if fixed_size_of(network) else ""
        raise ValueError(
            f"only detectors with anchors can be explained; this {type(network).__name__} has none{as_every}"
        )
    return anchors


def _label(
    predictor: Predictor, reader: Reader, detections: Sequence[ExplainedDetection], why: str | int | None
) -> int:
    """The class that is asked for."""
    if why is not None:
        return class_number(why, predictor.names, predictor.num_classes)
    if detections:
        return detections[0].prediction.of_class.label
    return int(reader.scores.max(dim=0).values.argmax())


def _asked(
    reader: Reader, traced: Trace, suppression: Suppression, label: int, detections: Sequence[ExplainedDetection]
) -> ExplainedClass:
    verdict = class_verdict(reader, traced, suppression, label, detections)
    own = tuple(each.prediction for each in detections if each.prediction.of_class.label == label)
    closest = () if verdict.closest is None else (verdict.closest,)
    slots = [reader.candidate_of(each.prediction.slot) for each in detections]
    return ExplainedClass(
        label=label,
        name=reader.class_name(label),
        threshold=threshold_of(suppression, label),
        verdict=verdict,
        targets=own or closest,
        at_detections=tuple(each.of_class for each in reader.predictions(slots, [label] * len(slots))),
    )


def _objects(
    reader: Reader,
    traced: Trace,
    suppression: Suppression,
    truth: Sample,
    detections: Sequence[ExplainedDetection],
    assigner: Assigner,
) -> list[ExplainedObject]:
    boxes = torch.from_numpy(truth.boxes)
    in_network = reader.letterbox.apply(boxes)
    responsible: list[list[ResponsibleSlot]] = [[] for _ in boxes]
    for each in explain(in_network, assigner, reader.scales).assignments:
        if each.state == "responsible":
            scale = reader.scale_with(each.stride, each.anchor, each.anchor_size)
            candidate = reader.candidate(scale, each.anchor, each.row, each.column)
            label = int(truth.labels[each.object])
            (prediction,) = reader.predictions([candidate], [label])
            iou = box_iou(in_network[each.object], reader.boxes[candidate]).item()
            responsible[each.object].append(ResponsibleSlot(each.fit, prediction, iou))
    return [
        ExplainedObject(
            label=label,
            name=reader.class_name(label),
            box=as_box(boxes[number]),
            network_box=as_box(in_network[number]),
            responsible=tuple(sorted(slots, key=lambda slot: -slot.fit)),
            verdict=object_verdict(
                reader, traced, suppression, boxes[number], label, detections, number, has_slot=bool(slots)
            ),
        )
        for number, (label, slots) in enumerate(zip(truth.labels.tolist(), responsible, strict=True))
    ]


def _cams(
    predictor: Predictor,
    anchors: Anchors,
    image: Tensor,
    targets: Sequence[SlotPrediction],
    scales: Sequence[ScaleOutput],
) -> list[Tensor]:
    """LayerCAM of some predictions at every scale, each from 0 to 1."""
    runtime = predictor.runtime

    def logits(predictions: Any) -> Tensor:
        outputs = ScaleOutput.from_predictions(predictions, anchors)
        total = torch.zeros((), device=runtime.device)
        for each in targets:
            slot = each.slot
            place = torch.tensor([[0, slot.anchor, slot.row, slot.column]], device=runtime.device)
            found = outputs[slot.scale].at(place)
            total = total + found.objectness[0] + found.classes[0, each.of_class.label]
        return total

    grids = [(scale.logits.shape[2], scale.logits.shape[3]) for scale in scales]
    half = runtime.dtype != torch.float32
    with torch.autocast(runtime.device.type, runtime.dtype if half else None, enabled=half):
        cams = layer_cam(runtime.network, image[None].to(runtime.device), logits, grids)
    return [cam / cam.max() if cam.max() > 0 else cam for cam in cams]


def _maps(reader: Reader, label: int, cams: Sequence[Tensor]) -> tuple[ScaleMaps, ...]:
    before = 0
    maps = []
    for scale, cam in zip(reader.scales, cams, strict=True):
        shape = scale.objectness.shape[1:]
        count = scale.objectness.numel()
        scores = reader.scores[before : before + count, label].view(shape)
        before += count
        anchors = tuple((width, height) for width, height in scale.anchors.tolist())
        objectness = scale.objectness[0].sigmoid()
        maps.append(ScaleMaps(int(scale.stride), anchors, objectness.amax(dim=0), scores.amax(dim=0), cam))
    return tuple(maps)
