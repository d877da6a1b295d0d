"""The web page: drop an image, see boxes, move the thresholds."""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported; it would report every start

import anyio
import anyio.to_thread
import gradio as gr
from fastapi import FastAPI
from PIL import Image

from yolo3.draw import draw_boxes
from yolo3.serve.inference import ImageCandidates, InferenceService
from yolo3.serve.inside import add_inside
from yolo3.serve.uploads import Refused

_LOWEST = 0.05  # lowest confidence threshold of the page: boxes below it are not kept
_SHOWN = 1600  # longer side of a shown image, pixels
_MAX_SESSIONS = 200  # pages that are remembered
_FORGET = 3600  # seconds
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "DejaVu Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


@dataclass(frozen=True)
class _Shown:
    """State of a page: its image and the candidates in it."""

    jpeg: bytes
    """The image, no larger than it is shown."""
    candidates: ImageCandidates
    """Candidates in the image."""


def mount_page(app: FastAPI, service: InferenceService, model: str) -> dict[int, int]:
    """Mount the page at ``/`` of an application, behind its other routes.

    Args:
        app: Application that has its other routes already.
        service: Inference service.
        model: Name of the model.

    Returns:
        Number of class names in the data of each event, by Gradio's number of the event.
    """

    async def mount() -> dict[int, int]:
        return _mount(app, service, model)

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # outside of a loop Gradio would open one for each of its locks, and leave it open
        return asyncio.run(mount())
    return _mount(app, service, model)


def upload_folder() -> str:
    """Folder of Gradio's uploads."""
    return str(gr.utils.get_upload_folder())


def _mount(app: FastAPI, service: InferenceService, model: str) -> dict[int, int]:
    page = _page(service, model)
    page.state_session_capacity = _MAX_SESSIONS
    page.queue(max_size=service.limits.requests, default_concurrency_limit=service.limits.requests, api_open=False)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=service.limits.bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Default(
            font=[gr.themes.Font(name) for name in _FONTS], font_mono=[gr.themes.Font(name) for name in _MONO]
        ),
    )
    return {number: sum(isinstance(each, gr.Dropdown) for each in event.inputs) for number, event in page.fns.items()}


def _page(service: InferenceService, model: str) -> gr.Blocks:
    predictor = service.predictor

    async def detect(path: str | None, least: float, overlap: float) -> tuple[Any, ...]:
        if path is None:
            return None, *_drawn(None, least, overlap)
        try:
            with service.admission():
                content = await anyio.Path(path).read_bytes()
                candidates = await service.infer(content)
                shown = await anyio.to_thread.run_sync(_shown, service, content, candidates)
        except Refused as refused:
            gr.Warning(refused.message, title="No detections")
            return None, None, f"**{refused.message}**", None  # nothing of the previous image may stay
        return shown, *await anyio.to_thread.run_sync(_drawn, shown, least, overlap)

    with gr.Blocks(title=f"yolo3: {model}", analytics_enabled=False, delete_cache=(600, _FORGET)) as page:
        gr.Markdown(f"# {model}\nDrop an image, see what is in it. [API](docs)")
        shown = gr.State(time_to_live=_FORGET)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                upload = _upload()
                min_score = gr.Slider(
                    _LOWEST,
                    1,
                    max(_LOWEST, predictor.min_score),
                    step=0.01,
                    label="Score",
                    info="confidence threshold: keep objects that score above this",
                    elem_id="min-score",
                )
                iou_threshold = gr.Slider(
                    0,
                    1,
                    predictor.suppression.iou_threshold,
                    step=0.01,
                    label="IoU",
                    info="NMS threshold: of boxes that overlap more than this, keep the best",
                    elem_id="iou-threshold",
                )
            with gr.Column(scale=2, min_width=320), gr.Tabs():
                with gr.Tab("Objects"):
                    result = gr.Image(
                        label="Objects",
                        interactive=False,
                        format="jpeg",
                        buttons=["download", "fullscreen"],
                        elem_id="result",
                    )
                    summary = gr.Markdown(elem_id="summary")
                    table = gr.Dataframe(
                        headers=["name", "score", "left", "top", "right", "bottom"],
                        datatype=["str", "number", "number", "number", "number", "number"],
                        interactive=False,
                        show_label=False,
                        max_height=320,
                        elem_id="table",
                    )
                with gr.Tab("Inside"):
                    add_inside(service, model, [upload, min_score, iou_threshold])
        views = [result, summary, table]
        gr.on(
            [upload.upload, upload.clear],
            detect,
            [upload, min_score, iou_threshold],
            [shown, *views],
            api_visibility="private",
        )
        gr.on(
            [min_score.change, iou_threshold.change],
            _drawn,
            [shown, min_score, iou_threshold],
            views,
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
        )
    return page


def _upload() -> gr.Image:
    """Upload of an image; its value is the path of the uploaded copy, which has not been opened yet."""
    upload = gr.Image(label="Image", sources=["upload", "clipboard"], buttons=[], height=280, elem_id="image")
    # On the one object: beside the file of a class of our own Gradio would write a .pyi file.
    upload.preprocess = lambda payload: payload and payload.path  # type: ignore[method-assign, assignment, return-value]
    return upload


def _shown(service: InferenceService, content: bytes, candidates: ImageCandidates) -> _Shown:
    image = Image.fromarray(service.image(content))
    image.thumbnail((_SHOWN, _SHOWN))
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return _Shown(file.getvalue(), candidates.above(_LOWEST))


def _drawn(shown: _Shown | None, least: float, overlap: float) -> tuple[Any, ...]:
    """The image with boxes, a summary in words, and a table."""
    if shown is None:
        return None, "", None
    candidates = shown.candidates
    asked = replace(candidates.suppression.at(least), iou_threshold=overlap)
    found = candidates.detections(asked)
    image = Image.open(BytesIO(shown.jpeg))
    height, width = candidates.image_size
    across, down = image.width / width, image.height / height  # they differ where a side has only a few pixels
    boxes = found.boxes * found.boxes.new_tensor([across, down, across, down])
    scores = found.scores.tolist()
    captions = [f"{name} {score:.2f}" for name, score in zip(found.names, scores, strict=True)]
    drawn = draw_boxes(image, boxes.tolist(), captions, found.labels.tolist())
    counts = ", ".join(f"{count} × {name}" for name, count in Counter(found.names).most_common())
    rows = [
        [name, round(score, 3), *(round(edge) for edge in box)]
        for name, score, box in zip(found.names, scores, found.boxes.tolist(), strict=True)
    ]
    limit = f", and more than the limit of {candidates.suppression.max_detections}" if found.limit_reached else ""
    return drawn, f"**{counts or 'nothing'}{limit}**", rows or None
