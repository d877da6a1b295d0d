"""The page of a checkpoint on the Hugging Face Hub: a README.md whose YAML header the Hub reads."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolo3.checkpoint.card import ModelCard
from yolo3.checks.names import printable
from yolo3.hub import HubAddress
from yolo3.hub.client import hub_library
from yolo3.system.extras import pip_install

_TASK = "object-detection"
_SHOWN = ("AP", "AP50", "AP75")
_MOST_NAMES = 100
_DATA = re.compile(r"(?:(?:Pascal VOC|COCO|YOLO) data set )?(?P<path>.*?)(?:, split '(?P<split>[^']*)')?")
_INDEX_FOLDERS = ("annotations", "labels")


@dataclass(frozen=True)
class Measurement:
    """Average precision on one set of images."""

    data: str
    """Name of the data set, without the folders it lies in."""
    split: str | None
    """Split of the data set."""
    num_images: int | None
    """Number of images; None where it is not known."""
    scores: Mapping[str, float]
    """``AP``, ``AP50`` and ``AP75``, as far as they are known."""
    remark: str = ""
    """Overlap of these images with the training set, in words."""


def measurements(folder: Path, card: ModelCard, dataset: str | None) -> list[Measurement]:
    """What was measured: by ``yolo3 evaluate``, at the end of ``yolo3 train``, or else what the card says.

    Args:
        folder: Folder of the checkpoint.
        card: Its card.
        dataset: Name of the data set of the training, in place of its folder's.
    """
    after_training = _read(folder / "metrics.json")
    own_name = _data_name(str(after_training.get("data", "")))[0]
    found: dict[tuple[str, str | None], Measurement] = {}
    for content in (_read(folder / "evaluation" / "metrics.json"), after_training):
        if scores := _scores(content):
            name, split = _data_name(str(content.get("data", "")))
            name = dataset if dataset and name == own_name else name
            num_images = content.get("num_images")
            remark = str(content.get("trained_on", ""))
            found.setdefault((name, split), Measurement(name, split, num_images, scores, remark))
    if not found and (scores := _scores(card.metrics)):
        return [Measurement(dataset or "the data held out in training", None, None, scores)]
    return list(found.values())


def readme(
    address: HubAddress,
    card: ModelCard,
    measured: Sequence[Measurement],
    license: str | None = None,
    dataset: str | None = None,
) -> str:
    """The README.md of a checkpoint.

    Args:
        address: Repository that it is for.
        card: Card of the checkpoint.
        measured: Average precision, for the Hub's model index and a table.
        license: Identifier of a licence as the Hub has them, such as ``mit``.
        dataset: Name of the data set that the detector was trained on; ``user/name`` of one on the Hub is linked.

    Raises:
        ModuleNotFoundError: The extra ``hub`` is missing.
    """
    name = address.repo.rpartition("/")[2]
    header = _header(name, measured, license, dataset)
    sections = [
        f"---\n{header}\n---",
        f"# {name}",
        _summary(card, dataset),
        "## How to use",
        *_how_to_use(address, card),
    ]
    if measured:
        sections += ["## Average precision", *_table(measured)]
    return "\n\n".join(sections) + "\n"


def _header(name: str, measured: Sequence[Measurement], license: str | None, dataset: str | None) -> str:
    hub = hub_library()
    results = [
        hub.EvalResult(
            task_type=_TASK,
            dataset_type=each.data,
            dataset_name=each.data,
            dataset_split=each.split,
            metric_type=metric,
            metric_name=metric,
            metric_value=round(value, 4),
        )
        for each in measured
        for metric, value in each.scores.items()
    ]
    data = hub.ModelCardData(
        library_name="yolo3",
        pipeline_tag=_TASK,
        tags=["yolo"],
        license=license,
        datasets=[dataset] if dataset and "/" in dataset else None,
        model_name=name if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _summary(card: ModelCard, dataset: str | None) -> str:
    height, width = card.image_size
    network = card.architecture.get("class") or card.architecture.get("network", "detector")
    names = [f"`{printable(name).replace('`', chr(39))}`" for name in card.names[:_MOST_NAMES]]
    more = f" and {len(card.names) - _MOST_NAMES} more" if len(card.names) > _MOST_NAMES else ""
    classes = f" It detects {', '.join(names)}{more}." if names else ""
    trained_on = f" It was trained on {printable(dataset)}." if dataset else ""
    return (
        f"A {printable(str(network))} detector, saved with yolo3 {printable(card.yolo3_version)}.{classes} Its input "
        f"is {height} × {width} pixels (height × width), letterbox `{card.letterbox}`.{trained_on}"
    )


def _how_to_use(address: HubAddress, card: ModelCard) -> Iterator[str]:
    if card.architecture.get("network") == "custom":
        yield "The network has parts of its own. Build it with their code, then fill it:"
        yield f"```console\n$ {pip_install('hub')}\n```"
        yield (
            "```python\nfrom yolo3 import load_checkpoint\n\n"
            f'detector, card = load_checkpoint("{address}", detector=build_your_network())\n```'
        )
    else:
        yield f"```console\n$ {pip_install('hub')}\n$ yolo3 detect {address} photo.jpg\n```"
        yield (
            "```python\nfrom yolo3 import Predictor\n\n"
            f'found = Predictor.from_checkpoint("{address}")("photo.jpg")[0]\n'
            "found.boxes, found.scores, found.names\n```"
        )
    yield "The checkpoint is `model.json` and weights in safetensors. Nothing in them is executed."


def _table(measured: Sequence[Measurement]) -> Iterator[str]:
    rows = [f"| data | split | images | {' | '.join(_SHOWN)} |", "|---|---|---|" + "---|" * len(_SHOWN)]
    for each in measured:
        scores = " | ".join(f"{each.scores[name]:.3f}" if name in each.scores else "" for name in _SHOWN)
        data = printable(each.data).replace("|", "\\|")
        rows.append(f"| {data} | {each.split or ''} | {each.num_images or ''} | {scores} |")
    yield "\n".join(rows)
    yield "Measured as COCO does: AP is the mean over IoU thresholds 0.50 to 0.95, AP50 and AP75 are those at one."
    for each in measured:
        if each.remark:
            yield f"{printable(each.data)}: it was trained on {printable(each.remark)}."


def _read(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file; empty if it is missing or damaged, as after an evaluation that was killed."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _scores(content: Mapping[str, Any]) -> dict[str, float]:
    """The scores that were measured; one of -1 was not."""
    found = {name: content.get(name) for name in _SHOWN}
    return {name: value for name, value in found.items() if isinstance(value, int | float) and 0 <= value <= 1}


def _data_name(said: str) -> tuple[str, str | None]:
    """``Pascal VOC data set /home/me/bccd, split 'test'`` -> ``bccd``, ``test``: where it lies is nobody's business."""
    found = _DATA.fullmatch(said)
    assert found
    parts = [part for part in re.split(r"[/\\]", found["path"]) if part not in ("", ".", "..")]
    is_file = parts and "." in parts[-1]
    folders = parts[:-1] if is_file else parts
    folders = [part for part in folders if part not in _INDEX_FOLDERS]
    return (folders or parts or ["unnamed"])[-1], found["split"]
