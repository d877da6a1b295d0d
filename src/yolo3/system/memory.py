"""The memory of tensors on a CPU, which a process may keep to itself."""

import ctypes
import sys

# of mallopt(3), with what each is set to
_SETTINGS = (
    (-4, 0),  # M_MMAP_MAX: large blocks too come from the heap, not each from the system
    (-1, -1),  # M_TRIM_THRESHOLD: what is free at the end of the heap stays
    (-2, 64 << 20),  # M_TOP_PAD: the heap grows by so many bytes more than are asked for
    (-8, 1),  # M_ARENA_MAX: one heap for all threads; those of other threads are too small for large blocks
)


def keep_memory() -> bool:
    """Have this process keep the memory that is freed, for its next tensors, as PyTorch does on GPUs.

    The C library of Linux gives large blocks back to the system at once, and gets them anew, page by page and filled
    with zeros, for the next image or step: for large batches that is a tenth to a fifth of the time. The commands of
    ``yolo3`` do this at their start. It is for a process that is there for its network, as a server or a script of your
    own may be; call it before threads begin.

    Returns:
        Whether it worked: only glibc can do it.

    Source:
        mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all(mallopt(setting, value) == 1 for setting, value in _SETTINGS)
