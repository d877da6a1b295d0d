"""Runs the notebooks of `examples` and stores their outputs, small: `python scripts/notebooks.py [NAMES]`.

Images become JPEG or a palette where that is smaller, and what belongs to a machine and a day (times, identifiers) is
left out. `tests/test_examples.py` runs the same notebooks without storing anything.
"""

import base64
import re
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WIDEST = 720  # pixels of a stored image


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of today, run in an empty folder."""
    book = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(book, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return book


def small(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same with small images and without the metadata of a run."""
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},  # which knows `!` and `%`
    }
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = _without_progress(output.text)
            data = output.get("data", {})
            if "image/png" in data:  # an image is shown as PNG, or as both
                data["image/jpeg"] = _as_jpeg(data.pop("image/png"))
            if "image/jpeg" in data:
                data["text/plain"] = "<image>"
                if _is_chart(data["image/jpeg"]):  # whose paper is dark on dark pages of the site
                    cell.metadata = {"mystnb": {"image": {"classes": "chart"}}}
                output["metadata"] = {}
    return book


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """What was written to one stream in many pieces, such as each move of a progress bar, as one output."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = found[-1] if found else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            found.append(output)
    return found


def _without_progress(text: str) -> str:
    """What a terminal shows at the end: without the bars that were drawn over, and without colours."""
    lines = [_CONTROL.sub("", part) for part in re.split(r"\r\n|\n|\r|\x1b\[2K", text)]
    kept = [line.rstrip() for line in lines if "━" not in line and not line.startswith("box ")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return re.sub(r"\n+(?=epoch )", "\n", text) + "\n"


def _is_chart(picture: str) -> bool:
    """Whether most of an image is white."""
    with Image.open(BytesIO(base64.b64decode(picture))) as image:
        lightness = image.convert("L").histogram()
    return sum(lightness[248:]) > sum(lightness) / 2


def _as_jpeg(picture: str) -> str:
    with Image.open(BytesIO(base64.b64decode(picture))) as image:
        shown = image.convert("RGB")
    shown.thumbnail((_WIDEST, _WIDEST))
    file = BytesIO()
    shown.save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in EXAMPLES.glob("*.ipynb")):
        file = EXAMPLES / f"{name}.ipynb"
        nbformat.write(small(run(file)), file)
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
