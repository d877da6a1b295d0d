"""``yolo3 explain``."""

from pathlib import Path

from yolo3.cli.options import Annotations, DarknetFiles, NetworkInput, Objects
from yolo3.system.hardware import InferenceHardware


def explain(
    model: Path,
    image: Path | None = None,
    *,
    darknet: DarknetFiles,
    network_input: NetworkInput,
    objects: Objects,
    dataset: Annotations,
    hardware: InferenceHardware,
    why: str | None = None,
    truth: Path | None = None,
    output: Path = Path("runs/explain.html"),
    overwrite: bool = False,
) -> None:
    """Explain one prediction: where every detection comes from, and why an object was missed.

    Writes one HTML page: the network input and its grids, the slot, raw and decoded numbers of each detection, what NMS
    dropped for it, heat maps of every scale, and with --truth the objects that were missed and why.

    Args:
        model: Model with anchors: a name of yolo3 weights such as yolov3-tiny, a checkpoint folder,
            hf://user/name@revision on the Hugging Face Hub, or a Darknet .cfg with --weights and --names.
        image: Image to explain.
        darknet: Files of a .cfg.
        network_input: Size of the network input, and how images are fitted to it.
        objects: Thresholds, classes and limits.
        dataset: Reading of the data set that --truth names.
        hardware: Device, precision and runtime.
        why: Class to ask about: why it is found or missed, and which parts of the image count for it. Default: that of
            the best detection.
        truth: Labelled objects in the image: a data set that has it, or its YOLO label file (.txt) with the model's
            class numbers.
        output: HTML file to write; a name without a suffix gets .html.
        overwrite: Replace the file if it exists.
    """
    if image is None:
        raise ValueError(f"no image; name one after the model, as in yolo3 explain {model} dog.jpg")
    from yolo3.cli.model import check_trained, open_predictor, shown
    from yolo3.cli.truth import objects_in
    from yolo3.explain import check_explainable, explain_prediction, explanation_page
    from yolo3.system.files import new_file

    page = output if output.suffix else output.with_suffix(".html")
    if page.exists() and not overwrite:
        raise ValueError(f"output {page} exists; name another with --output, or pass --overwrite")
    check_trained(model, darknet.weights)
    predictor, _ = open_predictor(model, darknet, network_input, objects, hardware)
    check_explainable(predictor)
    known = None if truth is None else objects_in(image, truth, predictor.names, dataset)
    explanation = explain_prediction(predictor, image, known, why, model=shown(model))
    with new_file(page) as partial:
        partial.write_text(explanation_page(explanation), encoding="utf-8", errors="backslashreplace")
    print(explanation)
    print(f"\npage: {page}")
