"""``yolo3 serve``."""

import socket
from pathlib import Path
from typing import Literal


def serve(
    model: Path,
    *,
    weights: Path | None = None,
    names: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_megabytes: float = 20,
    max_megapixels: float = 50,
    max_requests: int = 64,
    max_upload_megabytes: float = 500,
    allowed_hosts: list[str] | None = None,
    drain_seconds: float = 8,
    batch_size: int = 8,
    image_size: int | tuple[int, int] | None = None,
    letterbox: Literal["default", "darknet", "stretch"] | None = None,
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    min_score: float | Literal["best"] = 0.25,
    classes: list[str] | None = None,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    class_agnostic: bool = False,
    device: str = "auto",
    backend: Literal["torch", "onnxruntime", "openvino"] | None = None,
    compile: bool = False,
) -> None:
    """Find objects over HTTP: a page for people, POST /detect for programs, until Ctrl-C or SIGTERM.

    Args:
        model: A checkpoint folder, an .onnx file of yolo3 export, or a Darknet .cfg with --weights and --names.
        weights: The .weights file of a .cfg.
        names: The class names of a .cfg, one a line.
        host: The address to listen at; 0.0.0.0 lets other machines in, and there is no password.
        port: The port to listen at; 0 is a free one.
        max_megabytes: Of a request; more is refused.
        max_megapixels: Of a picture; more is refused.
        max_requests: At work at the same time; more are refused.
        max_upload_megabytes: Of all uploads to the page that lie on the disk together; more are refused.
        allowed_hosts: The names that the server goes by besides localhost, as in yolo.example.com,yolo; requests for
            others are refused, so that no page of another site reaches it under a name of its own. Default: at a
            loopback --host none, else any.
        drain_seconds: How long requests may be at work after Ctrl-C or SIGTERM; what is not done then is told to come
            again.
        batch_size: Pictures that go through the network together.
        image_size: Of the network input: a number, or [height, width]; the model's own unless given.
        letterbox: How a picture is fitted to the network input; as the model was trained unless given.
        precision: auto is half precision where the hardware is fast at it.
        min_score: Keep objects that score above this, unless a request says otherwise; best is the score that yolo3
            evaluate MODEL found to be best.
        classes: Look for these only, by name or number, as in dog,cat.
        iou_threshold: Of boxes whose IoU is above this, keep the best, unless a request says otherwise.
        max_detections: At most so many a picture.
        class_agnostic: Let boxes drop boxes of other classes too.
        device: auto, cpu, cuda or cuda:1.
        backend: What runs the network; torch, or onnxruntime for an .onnx file, unless given.
        compile: Run the network through torch.compile: the first requests wait a minute or so, then it is faster.
    """
    from yolo3.cli.model import check_trained, open_model
    from yolo3.cli.thresholds import best_score
    from yolo3.predictor import Predictor
    from yolo3.serve import Limits, create_app, is_loopback, run

    check_trained(model, weights)
    limits = Limits(max_megabytes, max_megapixels, max_requests, uploads=max_upload_megabytes)
    least = best_score(model) if min_score == "best" else min_score
    with _listening(host, port) as listener:  # before the model is read, which takes longer
        detector, card = open_model(model, weights, names)
        predictor = Predictor(
            detector,
            card.names,
            image_size=card.image_size if image_size is None else image_size,
            precision=precision,
            letterbox=letterbox or card.letterbox,
            min_score=least,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
            class_agnostic=class_agnostic,
            batch_size=batch_size,
            device=device,
            backend=backend,
            classes=classes,
            compile=compile,
        )
        name = model.stem if model.suffix.lower() in (".cfg", ".onnx") else model.resolve().name
        hosts = ["*"] if allowed_hosts is None and not is_loopback(host) else allowed_hosts
        app = create_app(predictor, name, limits, batch_size, hosts)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"
        print(f"{model}: {address} (page), {address}/docs (for programs); Ctrl-C ends it", flush=True)
        run(app, listener, drain_seconds)


def _listening(host: str, port: int) -> socket.socket:
    """A socket at an address.

    Raises:
        ValueError: a port that is none, is taken or is not allowed, an address of another machine.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port is {port}; it must lie in 0..65535")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise ValueError(
            f"cannot listen at {host}, port {port} ({reason}); choose another --port, or another --host"
        ) from error
