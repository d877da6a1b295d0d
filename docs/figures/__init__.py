"""Figures of the course, drawn from the library when the site is built.

svg.py        a panel to draw on; colours are names that `static/figures.css` gives for light and dark
scene.py      the image of the course, and a small network that has learnt it by heart
directive.py  ``{drawing} grid.cells`` in a page: the function `cells` of `grid.py`

Every other file belongs to one chapter: one small function per figure, which returns its panels. Panels stand side by
side on a wide screen and below each other on a narrow one.
"""
