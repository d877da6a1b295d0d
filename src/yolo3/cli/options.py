"""Options that several commands share, in groups: each is declared and explained once.

A command takes a group as a parameter, and the command line shows the fields of the group as options of their own. The
first line of a group's docstring is its heading in ``--help``. A group that adds to another has its descriptions too,
and gives a new one where it has more to say.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yolo3.choices import Augmentation, LetterboxName, OnError
from yolo3.cli.data_formats import FormatName

if TYPE_CHECKING:
    from yolo3.boxes import InputFormat
    from yolo3.data.source import DataSource
    from yolo3.suppression import Suppression

Command = Callable[..., int | None]


@dataclass(frozen=True)
class Annotations:
    """Data.

    Args:
        format: Format of the annotations. Default: recognised automatically.
        allow_outside: Also read images outside the folder of the data set, where its annotations name them.
    """

    format: FormatName | None = None
    allow_outside: bool = False


@dataclass(frozen=True)
class DataSet(Annotations):
    """Data.

    Args:
        images: Folder of the images, if they are not in the folder of the annotations.
        labels: Folder or file of the annotations, in place of DATA.
    """

    images: Path | None = None
    labels: Path | None = None

    def source(self, data: Path | None) -> "DataSource":
        """The place of the data set.

        Args:
            data: DATA of the command line.

        Raises:
            ValueError: No data set, or two.
        """
        from yolo3.cli.data_source import data_source

        return data_source(flat({"dataset": self, "data": data}))


@dataclass(frozen=True)
class NamedDataSet(DataSet):
    """Data.

    Args:
        names: File of class names, one per line. Default: the data set's own, or else the numbers in its labels.
    """

    names: Path | None = None


@dataclass(frozen=True)
class DarknetFiles:
    """Darknet files, for a cfg as the model.

    Args:
        weights: Weights of the network: a .weights file, or the name of a published one.
        names: Class names, one per line, or the .data file that says where they are. Default: those of COCO or VOC for
            a .cfg that comes with yolo3.
    """

    weights: Path | None = None
    names: Path | None = None


@dataclass(frozen=True)
class Fitting:
    """Network input.

    Args:
        letterbox: How images are fitted to the network input. Default: as the model was trained.
    """

    letterbox: LetterboxName | None = None


@dataclass(frozen=True)
class NetworkInput(Fitting):
    """Network input.

    Args:
        image_size: Size of the network input in pixels, a number or [height, width]. Default: the model's own.
    """

    image_size: int | tuple[int, int] | None = None


@dataclass(frozen=True)
class TrainingInput(Fitting):
    """Network input.

    Args:
        image_size: Size of the network input in pixels, a number or [height, width], multiples of the network's stride
            (32 for most). Default: 416.
        letterbox: How images are fitted to the network input.
    """

    image_size: int | tuple[int, int] | None = None
    letterbox: LetterboxName = "default"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels, where no network has one of its own."""
        from yolo3.boxes import height_width

        return height_width(416 if self.image_size is None else self.image_size)

    @property
    def format(self) -> "InputFormat":
        """The network input of a network that takes RGB, likewise."""
        from yolo3.boxes import InputFormat

        return InputFormat(self.size, self.letterbox)


@dataclass(frozen=True)
class Augmenting:
    """Augmentation.

    Args:
        augmentation: Augmentation of single images; overhead is for images with no fixed upright direction, such as
            those of a microscope.
        mosaic: Probability that four images are joined into one (mosaic).
        mixup: Probability that two images are blended (mixup).
    """

    augmentation: Augmentation = "standard"
    mosaic: float = 0.0
    mixup: float = 0.0


@dataclass(frozen=True)
class Thresholds:
    """Detections.

    Args:
        min_score: Confidence threshold; best is the one that yolo3 evaluate MODEL found to be best.
        iou_threshold: NMS drops a box whose IoU with a better one is above this.
        max_detections: Largest number of objects per image; the best are kept. Default: 300.
    """

    min_score: float | Literal["best"] = 0.25
    iou_threshold: float = 0.45
    max_detections: int | None = None

    def suppression(self, model: Path) -> "Suppression":
        """The same as what suppresses.

        Args:
            model: Model, whose evaluation tells the best confidence threshold.
        """
        from yolo3.cli.thresholds import best_score
        from yolo3.suppression import Suppression

        least = best_score(model) if self.min_score == "best" else self.min_score
        limit = Suppression.max_detections if self.max_detections is None else self.max_detections
        return Suppression(least, self.iou_threshold, limit)


@dataclass(frozen=True)
class Objects(Thresholds):
    """Detections.

    Args:
        max_detections: Largest number of objects per image; the best are kept. Default: 300; with --tile 300 per
            window, and no limit for the image.
        class_scores: Confidence thresholds of some classes, as in dog=0.5,cat=0.3.
        classes: Names or numbers of the classes to look for, as in dog,cat. Default: all.
        class_agnostic: Let NMS drop boxes of other classes too.
    """

    class_scores: list[str] | None = None
    classes: list[str] | None = None
    class_agnostic: bool = False


@dataclass(frozen=True)
class Many:
    """Many images.

    Args:
        on_error: Treatment of an image that cannot be read: skip names it in errors.jsonl and continues, stop ends
            the run. Default: stop for one image, video or camera, skip for a folder, a list and other sources of many
            images.
        column: Column of .parquet sources that holds paths or encoded images. Default: image, path, bytes, file_name
            or url, whichever there is.
        part_size: Number of images per part file. Writes part-000000.jsonl and so on, each whole or absent. Default:
            no parts, unless another option here needs them; then 1000.
        resume: Continue an interrupted run in parts in the folder of --output; finished parts are not repeated.
        devices: Number of processes that share the parts, each with a GPU of its own or its share of the CPU.
        shard: Share of the parts to do, as in 3/16; shares are counted from 1. All shards have one --output.
    """

    on_error: OnError | None = None
    column: str | None = None
    part_size: int | None = None
    resume: bool = False
    devices: int = 1
    shard: str | None = None


def groups(command: Command) -> dict[str, Any]:
    """The parameters of a command that are groups of options, with their types."""
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    return {parameter.name: parameter.annotation for parameter in parameters if is_dataclass(parameter.annotation)}


def defaults(command: Command) -> dict[str, Any]:
    """The default of every option of a command, by name."""
    parameters = inspect.signature(command).parameters.values()
    own = {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}
    for group in groups(command).values():
        own |= asdict(group())
    return own


def flat(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a command with every option by its own name: what ``config.yaml`` holds.

    Args:
        arguments: ``locals()`` of the command, before it does anything else.
    """
    options: dict[str, Any] = {}
    for name, value in arguments.items():
        if is_dataclass(value) and not isinstance(value, type):
            options |= asdict(value)
        else:
            options[name] = value
    return options


def call(command: Command, *places: Any, **options: Any) -> int | None:
    """Run a command with options by their own names, as the command line has them."""
    return command(*places, **grouped(command, options))


def grouped(command: Command, options: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a command: options of a group are put into it."""
    arguments = dict(options)
    for name, group in groups(command).items():
        own = {field.name: arguments.pop(field.name) for field in fields(group) if field.name in arguments}
        arguments[name] = group(**own)
    return arguments
