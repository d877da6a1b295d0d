"""`yolo3 --print-completion`: in a real bash; the scripts of other shells know all commands and options."""

import subprocess
from pathlib import Path

import pytest

from yolo3.cli import COMMANDS, main


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str]):
    def make(shell: str) -> str:
        assert main(["--print-completion", shell]) == 0
        return capsys.readouterr().out

    return make


@pytest.mark.parametrize(
    ("line", "expected", "others"),
    [
        ("yolo3 det", {"detect"}, {"train"}),
        ("yolo3 convert", {"convert", "convert-data"}, {"check"}),
        ("yolo3 detect --image", {"--image-size"}, {"--iou-threshold"}),
        ("yolo3 detect --letterbox ", {"default", "darknet", "stretch"}, {"strong"}),
        ("yolo3 detect --no-", {"--no-captions", "--no-augment"}, {"--captions"}),
        ("yolo3 train --augmentation st", {"standard", "strong"}, {"none"}),
        ("yolo3 explain --w", {"--weights", "--why"}, {"--truth"}),
        ("yolo3 detect runs/w", {"runs/weights.txt"}, {"runs/other"}),
        ("yolo3 train --weights runs/w", {"runs/weights.txt"}, {"runs/other"}),
    ],
)
def test_bash_completes(script, line: str, expected: set[str], others: set[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name in ("weights.txt", "other"):
        (tmp_path / "runs" / name).touch()
    (tmp_path / "completion").write_text(script("bash"))
    words = line.split(" ")
    program = f"""
        source ./completion
        function=$(complete -p yolo3 | grep -o -- '-F [^ ]*' | cut -d' ' -f2)
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        "$function" yolo3 '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ran = subprocess.run(["bash", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    offered = {word.strip() for word in ran.stdout.splitlines()}
    assert expected <= offered, ran.stderr
    assert not others & offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_know_every_command_and_its_options(script, shell: str) -> None:
    text = script(shell)
    for name, _ in COMMANDS:
        assert name in text
    for option in ("image-size", "class-agnostic", "no-captions", "split-seed", "allowed-hosts"):
        assert option in text


def test_another_shell(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--print-completion", "csh"], ["--print-completion"]):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert "choose bash, zsh or fish" in error
        assert error.count("\n") == 1
