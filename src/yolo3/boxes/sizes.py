"""Sizes as they are given."""


def height_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size that is given so, or as one number for both."""
    return (size, size) if isinstance(size, int) else size
