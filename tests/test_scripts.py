"""The scripts of the project: which Python, which PyTorch, and what becomes of a broken environment."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[1]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_MACOS = ("bash", "dirname", "env")
"""The tools of the scripts that are on a Mac. `sha256sum`, `nproc`, `realpath` and `apt-get` are not."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts for bash, and links")


def _load(folder: Path) -> ModuleType:
    """`scripts/install.py` of a copy of the project."""
    found = importlib.util.spec_from_file_location("install", folder / "scripts/install.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def install(clean_copy: Path) -> ModuleType:
    return _load(clean_copy)


def _fake_python(folder: Path, name: str, exit_code: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\nexit {exit_code}\n")
    (folder / name).chmod(0o755)
    return folder / name


def test_the_demo_runs_with_the_tools_of_a_mac(
    clean_copy: Path, lent_environment: Path, install: ModuleType, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in _MACOS:
        (tools / tool).symlink_to(shutil.which(tool) or "")
    (tools / "python3").symlink_to(Path(sys.base_prefix) / "bin/python3")
    (lent_environment / "installed-train").write_text(install.requirements())
    ended = subprocess.run(
        [tools / "bash", "scripts/demo", "--epochs", "none"],
        cwd=clean_copy,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )
    assert ended.stderr.startswith("yolo3 demo: error: --epochs: 'none' is not a whole number")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_what_is_installed_is_not_installed_again(
    install: ModuleType, lent_environment: Path, monkeypatch: pytest.MonkeyPatch, clean_copy: Path
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(install, "_run", lambda command, trouble: commands.append([str(word) for word in command]))
    monkeypatch.setattr(install, "torch_index", list)
    for _ in range(2):
        assert install.install("train") == lent_environment / "bin/python"
    pip = [str(lent_environment / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["-c", "constraints.txt"]
    assert commands == [[*pip, "torch"], [*pip, "-e", ".[train]"]]
    with (clean_copy / "constraints.txt").open("a") as file:
        file.write("# another\n")
    install.install("train")
    assert len(commands) == 4


def test_an_installation_that_fails_is_no_installation(
    install: ModuleType, lent_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "torch_index", lambda: ["--no-index", "--find-links", "nowhere", "no-such-package"])
    with pytest.raises(SystemExit, match="PyTorch could not be installed"):
        install.install("train")
    assert not (lent_environment / "installed-train").exists()


@pytest.mark.slow
def test_a_half_made_environment_is_made_anew(
    install: ModuleType, clean_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after Ctrl-C, before pip was in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clean_copy / ".venv"], check=True)
    (clean_copy / ".venv/installed-train").write_text(install.requirements())
    python = install.make_environment()
    assert "is incomplete or of another Python: making it anew" in capsys.readouterr().out
    subprocess.run([python, "-c", "import pip"], check=True)
    assert not (clean_copy / ".venv/installed-train").exists()


@pytest.mark.parametrize("kind", ["absent", "empty", "without its Python", "of another Python"])
def test_so_is_any_that_does_not_work(
    install: ModuleType, clean_copy: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    place = clean_copy / ".venv"
    if kind != "absent":
        (place / "bin").mkdir(parents=True)
    if kind == "without its Python":  # it was taken away, as by an update of the system
        (place / "bin/python").symlink_to("/nowhere/python3.11")
    if kind == "of another Python":
        _fake_python(place / "bin", "python", exit_code=1)
    commands: list[list[object]] = []
    monkeypatch.setattr(install, "_run", lambda command, trouble: commands.append(command))
    assert install.make_environment() == place / "bin/python"
    assert commands == [[Path(sys.executable), "-m", "venv", "--clear", place]]


def test_a_venv_that_cannot_be_made_says_what_to_install(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Debian's Python comes without it."""
    monkeypatch.setattr(install, "find_python", lambda: _fake_python(tmp_path / "bin", "python3", exit_code=1))
    with pytest.raises(SystemExit, match=r"could not be made; on Debian and Ubuntu: sudo apt install python3-venv"):
        install.make_environment()


def test_an_old_python_finds_a_newer_one(install: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 6))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    _fake_python(tmp_path / "bin", "python3.10")  # too old itself
    with pytest.raises(SystemExit, match=r"^yolo3 runs on Python 3\.11 to 3\.14; .* is \d.*Get one at https://www\.p"):
        install.find_python()
    right = _fake_python(tmp_path / "bin", "python3.12")
    _fake_python(tmp_path / "bin", "python3.13", exit_code=127)  # a shim without a Python behind it
    assert install.find_python() == right


@pytest.mark.parametrize(
    ("platform", "gpu", "reachable", "arguments", "told"),
    [
        ("darwin", False, True, [], ""),
        ("win32", False, True, [], ""),
        ("linux", True, True, [], "Found an NVIDIA GPU: PyTorch comes with CUDA"),
        ("linux", False, True, ["--extra-index-url", "https://download.pytorch.org/whl/cpu"], ""),
        ("linux", False, False, [], "Found no NVIDIA GPU, and https://download.pytorch.org/whl/cpu does not answer"),
    ],
)
def test_torch_fits_the_machine(
    install: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    platform: str,
    gpu: bool,
    reachable: bool,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(install, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setattr(install, "answers", lambda address: reachable)
    assert install.torch_index() == arguments
    assert capsys.readouterr().out.startswith(told)


def test_an_address_that_is_not_there_does_not_answer(install: ModuleType) -> None:
    assert not install.answers("http://127.0.0.1:9/")
    assert not install.answers("no address")


def test_an_older_python_can_read_the_scripts_that_it_starts_with() -> None:
    for name in ("install.py", "demo.py"):
        ast.parse((_ROOT / "scripts" / name).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_promised_pythons_are_the_same_everywhere(install: ModuleType) -> None:
    versions = [f"{major}.{minor}" for major, minor in install.supported()]
    assert _PROJECT["requires-python"] == f">={versions[0]}"
    assert f"Python {versions[0]} to {versions[-1]}" in (_ROOT / "README.md").read_text(encoding="utf-8")
    page = (_ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert f"Python {', '.join(versions[:-1])} or {versions[-1]}." in page


def test_the_page_names_every_extra_and_the_scripts_torch_index(install: ModuleType) -> None:
    page = (_ROOT / "docs/install.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page[page.index("## Extras") :], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(_PROJECT["optional-dependencies"])
    assert install.CPU_BUILDS in page


@pytest.mark.slow
@pytest.mark.parametrize("target", ["3.12-macos", "3.13-linux-arm", "3.14-windows"])
def test_constraints_have_wheels_for_other_machines(target: str, install: ModuleType) -> None:
    """On Linux with Python 3.11 the tests themselves are run; `scripts/resolve.py` without arguments looks at all."""
    if not install.answers("https://pypi.org/simple/uv/"):
        pytest.skip("PyPI does not answer, and nothing else knows which wheels there are")
    command = [sys.executable, "scripts/resolve.py", target]
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert re.fullmatch(rf"Python {target.replace('-', ' on ', 1)}: \d+ packages\n", ended.stdout)


def test_every_package_is_pinned() -> None:
    lines = (_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)]
