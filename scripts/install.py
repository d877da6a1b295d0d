"""Makes .venv and installs the project into it: `python scripts/install.py train`.

Python 3.7 or newer can run this file; where it is too old for the project, a newer one is looked for. What is installed
stays while the project's requirements stay the same. A broken or half-made .venv is made anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own package index of builds for CPUs. On PyPI, those for Linux come with CUDA."""

_PATIENCE = 5  # seconds that the index may take to answer
_HAS_BOTH = "from importlib.util import find_spec as find; import sys; sys.exit(not (find('torch') and find('yolo3')))"


def install(extra: str) -> Path:
    """Install the project with an extra, unless it is installed.

    Args:
        extra: An extra of `pyproject.toml`, such as "train".

    Returns:
        The Python of the environment.

    Raises:
        SystemExit: There is no suitable Python, or something could not be installed.
    """
    python = make_environment()
    mark = ENVIRONMENT / f"installed-{extra}"
    if mark.is_file() and mark.read_text() == requirements() and _succeeds(python, _HAS_BOTH):
        return python
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt"]
    print(f"Installing yolo3-torch[{extra}] into {ENVIRONMENT}", flush=True)
    # torch comes first and alone: nothing else may be taken from its index
    _run([*pip, *torch_index(), "torch"], "PyTorch could not be installed")
    _run([*pip, "-e", f".[{extra}]"], f"yolo3-torch[{extra}] could not be installed")
    mark.write_text(requirements())
    return python


def make_environment() -> Path:
    """Make .venv, unless there is a sound one, and return its Python.

    Raises:
        SystemExit: It cannot be made.
    """
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if _succeeds(python, f"import pip, sys; sys.exit(sys.version_info[:2] not in {supported()})"):
        return python
    if ENVIRONMENT.exists():
        print(f"{ENVIRONMENT} is incomplete or of another Python: making it anew", flush=True)
    _run(
        [find_python(), "-m", "venv", "--clear", ENVIRONMENT],
        f"{ENVIRONMENT} could not be made; on Debian and Ubuntu: sudo apt install python3-venv",
    )
    return python


def find_python() -> Path:
    """This Python, if the project supports it, else the newest one on the PATH that it supports.

    Raises:
        SystemExit: There is none.
    """
    if sys.version_info[:2] in supported():
        return Path(sys.executable)
    for major, minor in sorted(supported(), reverse=True):
        found = shutil.which(f"python{major}.{minor}")
        if found and _succeeds(Path(found), f"import sys; sys.exit(sys.version_info[:2] != ({major}, {minor}))"):
            return Path(found)
    oldest, newest = (".".join(map(str, version)) for version in (min(supported()), max(supported())))
    sys.exit(
        f"yolo3 runs on Python {oldest} to {newest}; {sys.executable} is {sys.version.split()[0]}, and none of them is "
        "on the PATH. Get one at https://www.python.org/downloads/ and run this again with it."
    )


def supported() -> list[tuple[int, int]]:
    """The versions of Python that `pyproject.toml` names."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return [(3, int(minor)) for minor in re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', text)]


def requirements() -> str:
    """A digest of all that decides what is to be installed, and where."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def torch_index() -> list[str]:
    """The arguments with which pip finds the build of PyTorch for this machine.

    PyPI has the right one for Windows and macOS. For Linux it has one with CUDA, ten times the size.
    """
    if not sys.platform.startswith("linux"):
        return []
    if has_nvidia_gpu():
        print("Found an NVIDIA GPU: PyTorch comes with CUDA, a download of about 3 GB", flush=True)
        return []
    if answers(CPU_BUILDS + "/torch/"):
        return ["--extra-index-url", CPU_BUILDS]
    print(
        f"Found no NVIDIA GPU, and {CPU_BUILDS} does not answer: unless pip finds a build for CPUs elsewhere, PyTorch "
        "comes with CUDA, a download of about 3 GB",
        flush=True,
    )
    return []


def has_nvidia_gpu() -> bool:
    """Whether the driver of an NVIDIA GPU is loaded."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None  # the latter on WSL


def answers(address: str) -> bool:
    """Whether an address can be reached from here."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_PATIENCE):
            return True
    except (OSError, ValueError):
        return False


def _succeeds(python: Path, program: str) -> bool:
    try:
        ended = subprocess.run([str(python), "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return ended.returncode == 0


def _run(command: list, trouble: str) -> None:
    exit_code = run(command)
    if exit_code:
        sys.exit(f"{trouble} (exit code {exit_code}; what went wrong is above)")


def run(command: list) -> int:
    """Run a command in the project's folder and return its exit code; Ctrl-C ends both."""
    try:
        return subprocess.run([str(word) for word in command], cwd=str(ROOT)).returncode
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/install.py EXTRA, for example dev")
    install(sys.argv[1])
