"""The tab of the page that explains a prediction."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import anyio
import gradio as gr

from yolo3.explain import check_explainable, explanation_page
from yolo3.serve.inference import InferenceService
from yolo3.serve.uploads import Refused


def add_inside(service: InferenceService, model: str, inputs: Sequence[Any]) -> None:
    """Add the contents of the tab to the page that is being built.

    Args:
        service: Inference service.
        model: Name of the model.
        inputs: Upload, confidence threshold and NMS threshold of the page.
    """
    predictor = service.predictor
    try:
        check_explainable(predictor)
    except ValueError as error:
        gr.Markdown(f"{model}: {error}.", elem_id="inside")
        return

    async def explain(path: str | None, least: float, overlap: float, why: str | None) -> str:
        if path is None:
            return _notice("Drop an image first.")
        suppression = replace(predictor.suppression.at(least), iou_threshold=overlap)
        try:
            with service.admission():
                content = await anyio.Path(path).read_bytes()
                explanation = await service.explain(content, suppression, why or None, model)
        except Refused as refused:
            return _notice(refused.message)
        except ValueError as error:  # a class that it does not know
            return _notice(str(error))
        page = await anyio.to_thread.run_sync(explanation_page, explanation)
        style = "width:100%;height:80vh;border:0"
        return f'<iframe title="Inside one prediction" sandbox="" style="{style}" srcdoc="{escape(page)}"></iframe>'

    names = list(predictor.names) or [str(number) for number in range(predictor.num_classes)]
    with gr.Row():
        why = gr.Dropdown(
            names,
            value=None,
            label="Why",
            info="class that is asked for: why it is found or missed; none is that of the best detection",
            allow_custom_value=True,  # otherwise Gradio answers an unknown one, with a traceback in the log
            elem_id="why",
        )
        button = gr.Button("Explain", elem_id="explain", variant="primary")
    inside = gr.HTML(elem_id="inside")
    button.click(explain, [*inputs, why], inside, api_visibility="private")


def _notice(message: str) -> str:
    return f"<p>{escape(message)}</p>"
