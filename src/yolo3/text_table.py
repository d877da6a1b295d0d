"""Tables for a terminal."""

from collections.abc import Collection, Sequence


def text_table(rows: Sequence[Sequence[str]], left: Collection[int] = (0,), min_width: int = 0) -> list[str]:
    """The lines of a table with aligned columns, two spaces between them.

    Args:
        rows: Cells of each row, equally many; the header is a row like the others.
        left: Numbers of the columns that are aligned to the left, such as names. The others hold numbers, on the right.
        min_width: Letters that each column of numbers has room for at least.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(max(min_width, width))
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
