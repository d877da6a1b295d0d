"""Colours that readers with any colour vision can tell apart."""

from collections.abc import Sequence

Colour = tuple[int, int, int]
"""Red, green, blue, each from 0 to 255."""

PALETTE: tuple[Colour, ...] = (
    (213, 94, 0),
    (86, 180, 233),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (230, 159, 0),
)
"""Vermilion, sky blue, yellow, green, purple, blue, orange. Source: Okabe and Ito, Color Universal Design, 2008."""

_LIGHTER = 0.45  # share of white in the second round of the palette
_DARKER = 0.45  # share of black in the third


def class_colour(label: int) -> Colour:
    """The colour of a class number: the palette, then lighter and darker shades of it; after 21 classes it repeats."""
    colour = PALETTE[label % len(PALETTE)]
    shade = label // len(PALETTE) % 3
    if shade == 0:
        return colour
    share, towards = ((_LIGHTER, 255), (_DARKER, 0))[shade - 1]
    red, green, blue = (round(part * (1 - share) + towards * share) for part in colour)
    return red, green, blue


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read on a colour."""
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return (0, 0, 0) if luminance > 128 else (255, 255, 255)


def hexadecimal(colour: Colour) -> str:
    """``#d55e00``, as HTML and matplotlib have it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def line_styles(count: int) -> Sequence[tuple[str, str]]:
    """A colour and a dash pattern for each of several curves of a chart; yellow, too pale on white, is left out."""
    colours = [hexadecimal(colour) for colour in PALETTE if colour != PALETTE[2]]
    dashes = ("-", "--", ":", "-.")
    return [(colours[number % len(colours)], dashes[number // len(colours) % len(dashes)]) for number in range(count)]
