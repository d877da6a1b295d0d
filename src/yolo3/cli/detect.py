"""``yolo3 detect``."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from yolo3.structures import Detections


def detect(
    model: Path,
    source: list[str],
    *,
    weights: Path | None = None,
    names: Path | None = None,
    output: Path = Path("runs/detect"),
    overwrite: bool = False,
    image_size: int | tuple[int, int] | None = None,
    letterbox: Literal["default", "darknet", "stretch"] | None = None,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    min_score: float = 0.25,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    class_agnostic: bool = False,
    batch_size: int = 8,
    device: str = "auto",
) -> None:
    """Find objects in pictures.

    Leaves a folder with every picture drawn on, detections.json, detections.csv and config.yaml.

    Args:
        model: A checkpoint folder, or a Darknet .cfg with --weights and --names.
        source: Pictures, folders and globs.
        weights: The .weights file of a .cfg.
        names: The class names of a .cfg, one a line.
        output: The folder to make.
        overwrite: Let it take the place of one that exists.
        image_size: Of the network input: a number, or [height, width]; the model's own unless given.
        letterbox: How a picture is fitted to the network input; as the model was trained unless given.
        precision: auto is half precision where the hardware is fast at it.
        min_score: Keep objects that score above this.
        iou_threshold: Of boxes whose IoU is above this, keep the best.
        max_detections: At most so many a picture.
        class_agnostic: Let boxes drop boxes of other classes too.
        batch_size: Pictures that go through the network together.
        device: auto, cpu, cuda or cuda:1.
    """
    arguments = locals()
    from yolo3.cli.model import open_model
    from yolo3.cli.output import check_new, new_folder, write_configuration
    from yolo3.cli.progress import progress
    from yolo3.data import read_image
    from yolo3.predictor import Predictor
    from yolo3.results import write_csv, write_json
    from yolo3.sources import find_pictures

    check_new(output, overwrite)
    if model.suffix == ".cfg" and weights is None:
        raise ValueError(f"{model} is a network without its weights; add --weights FILE")
    pictures = [name for name, _ in find_pictures(source)]
    detector, card = open_model(model, weights, names)
    predictor = Predictor(
        detector,
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
    with new_folder(output, overwrite) as folder:
        write_configuration(folder, arguments)
        results = []
        for picture, found in progress(predictor.stream(pictures), len(pictures), "detecting"):
            found.draw(read_image(picture)).save(_new_file(folder, Path(picture)))
            results.append((picture, found))
            print(f"{picture}: {_counts(found)}")
        write_json(folder / "detections.json", results)
        write_csv(folder / "detections.csv", results)
    print(f"{sum(len(found) for _, found in results)} objects in {len(results)} pictures: {output}")


def _new_file(folder: Path, picture: Path) -> Path:
    """Where a drawing goes: under the picture's own name; of pictures of one name the later get a number."""
    suffix = picture.suffix if picture.suffix.lower() in (".jpg", ".jpeg", ".png") else ".png"
    file, number = folder / f"{picture.stem}{suffix}", 1
    while file.exists():
        number += 1
        file = folder / f"{picture.stem}-{number}{suffix}"
    return file


def _counts(found: "Detections") -> str:
    """As in ``2 dog, 1 cat``."""
    return ", ".join(f"{count} {name}" for name, count in Counter(found.names).most_common()) or "nothing"
