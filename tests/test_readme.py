"""The README, followed to the letter in a clean copy of the project."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)


def test_lines_can_be_pasted_into_any_shell() -> None:
    """One command a line, and no comment: the shell of macOS takes one for arguments."""
    lines = "".join(_blocks("console")).splitlines()
    assert len(lines) > 5
    assert not [line for line in lines if not re.fullmatch(r"\$ [^#\\$|&;'<>]+", line)]


def test_the_package_index_shows_no_broken_images_and_links() -> None:
    """It has only the text: a path beside the file leads nowhere there."""
    command = [sys.executable, "-m", "hatchling", "metadata", "readme"]
    shown = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert "# yolo3" in shown
    assert len(shown) > 0.8 * len(_README)
    targets = re.findall(r"\]\(([^)]*)\)", shown)
    assert targets
    assert all(target.startswith("https://") for target in targets)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the README's lines are for bash; it says what differs on Windows")
def test_every_line_runs(clean_copy: Path, lent_environment: Path, tmp_path: Path) -> None:
    """All commands in one shell, then all Python in one process.

    What is to be installed is there already, in an environment that finds the packages of this one, so that the test
    needs no network: pip may not use any.
    """
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    script = ["set -e"]
    for line in "".join(_blocks("console")).splitlines():
        command = line.removeprefix("$ ")
        script += [f"echo '>>> {command}'", command]
    script += [f"cat > {tmp_path}/readme.py << 'END OF PYTHON'", *_blocks("python"), "END OF PYTHON"]
    script += [f"echo '>>> the Python'; python {tmp_path}/readme.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    environment |= {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as --no-build-isolation
    }
    ended = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=clean_copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    assert ended.returncode == 0, ended.stdout[-3000:]
    runs = clean_copy / "runs"
    assert json.loads((runs / "demo/model/metrics.json").read_text())["AP50"] > 0.9  # the README says 0.95
    assert "anchors: fitted, mean best IoU 0.9" in ended.stdout
    assert (runs / "shapes/evaluation/metrics.json").is_file()
    assert (runs / "found/shapes_1000.jpg").is_file()
    # the demo draws its images as large as the machine is fast
    own = runs / "demo/shapes/JPEGImages/shapes_1000.jpg"
    with Image.open(clean_copy / "out.png") as drawn, Image.open(own) as image:
        assert drawn.size == image.size
    assert f"Before the first yolo3 command, in {clean_copy}: source .venv/bin/activate" in ended.stdout
