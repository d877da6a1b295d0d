"""A copy of onnxruntime that takes any x86-64 CPU for one without AVX-512, AMX and VNNI.

Unlike oneDNN and OpenVINO, onnxruntime has no setting for that: it asks the CPU by the instruction cpuid. The copy has
ud2, an instruction of the same length that raises SIGILL, in its place, and a preloaded library answers the signal with
what cpuid says less those features. Needs Linux, a C compiler and objdump.
"""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

ANSWER = r"""
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

static void answer(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned char *instruction = (unsigned char *)registers[REG_RIP];
    if (instruction[0] != 0x0f || instruction[1] != 0x0b) {
        signal(SIGILL, SIG_DFL);
        return;
    }
    unsigned leaf = registers[REG_RAX], part = registers[REG_RCX], a, b, c, d;
    __cpuid_count(leaf, part, a, b, c, d);
    if (leaf == 7 && part == 0) {
        b &= ~0xdc230000u; /* AVX-512 F, DQ, IFMA, PF, ER, CD, BW, VL */
        c &= ~0x00005842u; /* AVX-512 VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
        d &= ~0x03c0010cu; /* AVX-512 4VNNIW, 4FMAPS, VP2INTERSECT, FP16; AMX */
    }
    if (leaf == 7 && part == 1) {
        a &= ~0x00a00030u; /* AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA */
        d &= ~0x00080530u; /* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10 */
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGILL, &action, 0);
}
"""
_TOOLS = ("cc", "objdump", "readelf")


def capped_onnxruntime(folder: Path) -> dict[str, str]:
    """Make the copy in a folder; the environment variables by which a process takes it, empty if it cannot be made."""
    installed = find_spec("onnxruntime")
    if installed is None or installed.origin is None or not all(shutil.which(tool) for tool in _TOOLS):
        return {}
    shutil.copytree(Path(installed.origin).parent, folder / "onnxruntime")
    for library in (folder / "onnxruntime/capi").glob("onnxruntime_pybind11_state*.so"):
        replace_cpuid(library)
    source, preloaded = folder / "answer.c", folder / "answer.so"
    source.write_text(ANSWER, encoding="utf-8")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", preloaded, source], check=True)
    paths = [str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {"LD_PRELOAD": str(preloaded), "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def replace_cpuid(library: Path) -> None:
    """Put ud2 (0f 0b) in place of every cpuid (0f a2) of a library."""
    sections = _lines("readelf", "-SW", str(library))
    address, offset = next((int(a, 16), int(b, 16)) for a, b in _found(r" \.text +\S+ +(\S+) (\S+)", sections))
    code = bytearray(library.read_bytes())
    for (place,) in _found(r"^ *(\w+):\t0f a2 +\tcpuid", _lines("objdump", "-d", "-j", ".text", str(library))):
        at = int(place, 16) - address + offset
        assert code[at : at + 2] == b"\x0f\xa2"
        code[at + 1] = 0x0B
    library.write_bytes(code)


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def _found(pattern: str, lines: list[str]) -> list[tuple[str, ...]]:
    return [match.groups() for line in lines if (match := re.search(pattern, line))]
