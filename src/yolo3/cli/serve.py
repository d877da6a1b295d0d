"""``yolo3 serve``."""

import socket
from pathlib import Path

from yolo3.choices import LogFormat
from yolo3.cli.options import DarknetFiles, NetworkInput, Objects
from yolo3.system.hardware import InferenceHardware


def serve(
    model: Path,
    *,
    darknet: DarknetFiles,
    network_input: NetworkInput,
    objects: Objects,
    hardware: InferenceHardware,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_megabytes: float = 20,
    max_megapixels: float = 50,
    max_requests: int = 64,
    max_upload_megabytes: float = 500,
    allowed_hosts: list[str] | None = None,
    drain_seconds: float = 8,
    root_path: str = "",
    log: LogFormat = "text",
) -> None:
    """Detect objects over HTTP: a page for the browser, POST /detect for programs, until Ctrl-C or SIGTERM.

    Args:
        model: Model: a name of yolo3 weights such as yolov3-tiny, a checkpoint folder, hf://user/name@revision on the
            Hugging Face Hub, an .onnx file of yolo3 export, or a Darknet .cfg with --weights and --names.
        darknet: Files of a .cfg.
        network_input: Size of the network input, and how images are fitted to it.
        objects: Thresholds, classes and limits; requests may ask for other thresholds.
        hardware: Device, precision and runtime.
        host: Address to listen at; 0.0.0.0 lets other machines in. There is no password.
        port: Port to listen at; 0 chooses a free one.
        max_megabytes: Largest request; a larger one is refused.
        max_megapixels: Largest image, in millions of pixels; a larger one is refused.
        max_requests: Largest number of requests that are processed at the same time; more are refused.
        max_upload_megabytes: Largest total size of the uploads to the page that are kept on disk; more are refused.
        allowed_hosts: Names of the server besides localhost, as in yolo.example.com,yolo. Requests for other names are
            refused, so that another site cannot reach the server through a name of its own. Default: none at a loopback
            --host, else any.
        drain_seconds: Number of seconds that running requests are given after Ctrl-C or SIGTERM; the rest are answered
            with a request to try again.
        root_path: Path under which a proxy publishes the server, and which it strips from requests, as in /yolo.
        log: Log on standard error: text has errors only, json a line of JSON for every request and error.
    """
    from yolo3.cli.model import check_trained, model_suffix, open_predictor, shown
    from yolo3.serve import Limits, check_root_path, create_app, is_loopback, run

    check_trained(model, darknet.weights)
    check_root_path(root_path)
    limits = Limits(max_megabytes, max_megapixels, max_requests, uploads=max_upload_megabytes)
    with _listening(host, port) as listener:  # before the model is read, which takes longer
        predictor, _ = open_predictor(model, darknet, network_input, objects, hardware)
        name = model.stem if model_suffix(model) in (".cfg", ".onnx") else model.resolve().name
        hosts = ["*"] if allowed_hosts is None and not is_loopback(host) else allowed_hosts
        app = create_app(predictor, name, limits, hardware.batch_size, hosts)
        host_of_url = f"[{host}]" if ":" in host else host
        address = f"http://{host_of_url}:{listener.getsockname()[1]}"
        print(f"{shown(model)}: {address} (page), {address}/docs (for programs); Ctrl-C ends it", flush=True)
        run(app, listener, drain_seconds, root_path, log)


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
