"""Whether constraints.txt fits every Python and system that is promised: `python scripts/resolve.py`.

Resolves all extras for each of them, from wheels alone and without installing anything. That takes minutes, nearly all
of it waiting for the package index; the tests resolve three of them. Arguments name some, as in
`python scripts/resolve.py 3.14-windows`.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from install import ROOT, supported

SYSTEMS = {
    "linux": "x86_64-manylinux_2_28",
    "linux-arm": "aarch64-manylinux_2_35",
    "macos": "aarch64-apple-darwin",
    "windows": "windows",
}
"""The systems that are promised, and what uv calls the oldest of each."""

_OLDEST_MACOS = "14.0"
_OLDEST_PATCHES = {"3.11": "3.11.5"}
"""The first releases that the packages for the documentation take."""

_OF_TORCH = ("cuda-", "nvidia-", "triton")
"""Beginnings of the names of packages that torch itself pins, or that need not be pinned beside it."""


def targets() -> list[tuple[str, str]]:
    """Every Python and system that is promised."""
    return [(f"{major}.{minor}", system) for major, minor in supported() for system in SYSTEMS]


def resolve(python: str, system: str) -> list[str]:
    """The packages, as in "numpy==2.4.6", that all extras come to.

    Args:
        python: The version, as in "3.12".
        system: One of `SYSTEMS`.

    Raises:
        ValueError: There is no solution; or a package is not pinned.
    """
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--extra",
        "dev",
        "-c",
        "constraints.txt",
    ]
    command += ["--python-version", _OLDEST_PATCHES.get(python, python), "--python-platform", SYSTEMS[system]]
    command += ["--no-config", "--only-binary", ":all:", "--no-header", "--no-annotate", "--quiet"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": _OLDEST_MACOS},
        capture_output=True,
        encoding="utf-8",
    )
    if ended.returncode:
        raise ValueError(f"Python {python} on {system}: {ended.stderr.strip()}")
    packages = ended.stdout.split()
    pinned = _names((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    loose = [name for name in sorted(_names(packages) - pinned) if not name.startswith(_OF_TORCH)]
    if loose:
        raise ValueError(f"Python {python} on {system}: constraints.txt does not pin {', '.join(loose)}")
    return packages


def _names(packages: list[str]) -> set[str]:
    return {re.sub(r"[-_.]+", "-", package.split("==")[0]).lower() for package in packages if "==" in package}


def _line(target: tuple[str, str]) -> str:
    try:
        return f"Python {target[0]} on {target[1]}: {len(resolve(*target))} packages"
    except ValueError as error:
        return f"FAILED: {error}"


if __name__ == "__main__":
    chosen = [tuple(word.split("-", 1)) for word in sys.argv[1:]] or targets()
    with ThreadPoolExecutor(4) as threads:
        lines = list(threads.map(_line, chosen))
    print(*lines, sep="\n")
    sys.exit(any(line.startswith("FAILED") for line in lines))
