"""``yolo3 convert``."""

from dataclasses import dataclass
from pathlib import Path

from yolo3.cli.options import DarknetFiles, Fitting


@dataclass(frozen=True)
class DarknetFitting(Fitting):
    """Network input.

    Args:
        letterbox: How images are fitted to the input of a network from Darknet: pjreddie's program letterboxes
            (darknet), AlexeyAB's stretches unless its cfg says letter_box=1. Default: stretch if the cfg says
            letter_box=0, else darknet.
    """


def convert(
    source: Path,
    output: Path,
    *,
    darknet: DarknetFiles,
    fitting: DarknetFitting,
    overwrite: bool = False,
) -> None:
    """Turn Darknet's files into a checkpoint, or a checkpoint into Darknet's files.

    yolo3 convert yolov3.cfg runs/coco --weights yolov3.weights --names coco.names makes a checkpoint folder, which
    every other command takes; yolo3 convert runs/coco coco makes coco/coco.cfg, coco/coco.weights and coco/coco.names.

    Args:
        source: Darknet .cfg with --weights, a name of published weights such as yolov3-tiny, a checkpoint folder, or
            hf://user/name.
        output: Folder to write.
        darknet: Files of a .cfg.
        fitting: How images are fitted to the network input.
        overwrite: Replace the folder if it exists.
    """
    from dataclasses import replace

    from torch import nn

    from yolo3.checkpoint import save_checkpoint
    from yolo3.cli.model import check_trained, model_suffix, open_model
    from yolo3.cli.output import check_new, new_folder
    from yolo3.cli.published import published_model
    from yolo3.darknet import save_darknet_weights
    from yolo3.darknet.darknet_export import as_darknet

    check_new(output, overwrite, [("source", source), ("weights", darknet.weights), ("names", darknet.names)])
    check_trained(source, darknet.weights)
    detector, card = open_model(source, darknet.weights, darknet.names)
    with new_folder(output, overwrite) as making:
        folder = making.path
        if model_suffix(source) == ".cfg" or published_model(source) is not None:
            save_checkpoint(folder, detector, replace(card, letterbox=fitting.letterbox or card.letterbox))
            left = "a checkpoint"
        else:
            assert isinstance(detector, nn.Module)
            network = as_darknet(detector, card.input_format)
            save_darknet_weights(network, folder / f"{output.name}.weights")
            (folder / f"{output.name}.cfg").write_text(network.cfg_text, encoding="utf-8")
            (folder / f"{output.name}.names").write_text("".join(f"{name}\n" for name in card.names), encoding="utf-8")
            left = f"{output.name}.cfg, .weights and .names; images are fitted to its input by {card.letterbox!r}"
    print(f"{output}: {left}")
