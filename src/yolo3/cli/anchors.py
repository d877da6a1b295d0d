"""``yolo3 anchors``."""

from pathlib import Path
from typing import TYPE_CHECKING

from yolo3.cli.options import NamedDataSet, TrainingInput
from yolo3.system.files import new_file

if TYPE_CHECKING:
    from torch import Tensor

    from yolo3.boxes import Anchors

_FITTING_IOU = 0.5  # what counts as recall
_DEFAULT = "COCO's"


def anchors(
    data: Path | None = None,
    *,
    dataset: NamedDataSet,
    network_input: TrainingInput,
    split: str | None = None,
    per_scale: int = 3,
    strides: tuple[int, ...] = (32, 16, 8),
    starts: int = 10,
    seed: int = 0,
    output: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Fit anchors to the boxes of a data set, and compare them with COCO's.

    Args:
        data: Data set: a folder, a COCO .json, a .csv, a .parquet, a data.yaml or an obj.data.
        dataset: How the annotations are read.
        network_input: Size of the network input, which the anchors are for, and how images are fitted to it.
        split: Split to fit to. Default: the one it would train on.
        per_scale: Number of anchors per scale.
        strides: Stride of each scale in pixels, coarse to fine.
        starts: Number of random starts of k-means; the best result counts.
        seed: Seed of the random starts.
        output: File to write: the anchors for yolo3 train --anchors, or where its name ends in .png, a chart of them.
        overwrite: Replace the file if it exists.
    """
    from yolo3.boxes import COCO_ANCHORS, Anchors
    from yolo3.cli.refitting import network_sizes, write_anchors
    from yolo3.cli.split_choice import training_split
    from yolo3.data import dataset_splits, open_dataset

    if output is not None and output.is_dir():
        raise ValueError(f"output {output} is a folder; name a file")
    if output is not None and output.exists() and not overwrite:
        raise ValueError(f"output {output} exists; name another with --output, or pass --overwrite")
    source = dataset.source(data)
    split = training_split(dataset_splits(source, dataset.format), split)
    samples = open_dataset(source, split, dataset.format)
    print(samples.summary())
    sizes = network_sizes(samples, network_input.format)
    fitted = Anchors.fit(sizes, len(strides), per_scale, seed, starts, strides)
    print(f"\n{comparison({_DEFAULT: COCO_ANCHORS, 'fitted': fitted}, sizes)}\n\n{advice(fitted, sizes)}")
    if output is None:
        print(f"\nto train with them: yolo3 train {source.path} --anchors auto, or --anchors FILE after --output FILE")
    elif output.suffix.lower() == ".png":
        draw(output, sizes, {_DEFAULT: COCO_ANCHORS, "fitted": fitted})
        print(f"\n{output}: a chart of the boxes and anchors")
    else:
        quality = {"mean_best_iou": round(float(fitted.best_iou(sizes).mean()), 4)}
        write_anchors(output, fitted, network_input.format, {"data": samples.origin, **quality})
        print(f"\n{output}: the fitted anchors; to train with them: yolo3 train {source.path} --anchors {output}")


def comparison(choices: "dict[str, Anchors]", sizes: "Tensor") -> str:
    """A table: how well each choice of anchors fits the sizes, and which they are."""
    lines = [f"{'anchors':<9}mean best IoU  recall at {_FITTING_IOU:g}  width x height, coarse to fine"]
    for name, choice in choices.items():
        iou = choice.best_iou(sizes)
        shapes = " | ".join("  ".join(f"{width:g} x {height:g}" for width, height in scale) for scale in choice.sizes)
        recall = f"{(iou >= _FITTING_IOU).double().mean():.1%}"
        lines.append(f"{name:<9}{iou.mean():<15.4f}{recall:<15}{shapes}")
    return "\n".join(lines)


def advice(fitted: "Anchors", sizes: "Tensor") -> str:
    """What to do with fitted anchors: how to use them, or to leave them where COCO's fit the sizes better."""
    from yolo3.boxes import COCO_ANCHORS

    gain = float(fitted.best_iou(sizes).mean() - COCO_ANCHORS.best_iou(sizes).mean())
    if gain <= 0:
        return f"The fitted anchors are worse than {_DEFAULT}, by {-gain:.4f} in mean best IoU: keep those."
    return f"{fitted}\n\nIn the [yolo] sections of a Darknet cfg:\n{cfg_line(fitted)}"


def cfg_line(anchors: "Anchors") -> str:
    """The line of a cfg: fine to coarse, whole pixels."""
    pairs = [f"{width:.0f},{height:.0f}" for scale in reversed(anchors.sizes) for width, height in scale]
    return f"anchors = {', '.join(pairs)}"


def draw(path: Path, sizes: "Tensor", choices: "dict[str, Anchors]") -> None:
    """Write a chart of the sizes and the anchors among them.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from yolo3.draw import new_figure

    figure = new_figure((7, 6))
    axes = figure.subplots()
    axes.scatter(sizes[:, 0], sizes[:, 1], s=6, alpha=0.25, color="gray", label=f"{len(sizes):,} objects")
    for (name, choice), marker in zip(choices.items(), ("x", "o"), strict=True):
        width, height = zip(*(size for scale in choice.sizes for size in scale), strict=True)
        axes.scatter(width, height, s=60, marker=marker, label=f"{name} anchors", zorder=3)
    axes.set(xlabel="width, pixels of the network input", ylabel="height", xscale="log", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    with new_file(path) as partial:
        figure.savefig(partial, format="png")
