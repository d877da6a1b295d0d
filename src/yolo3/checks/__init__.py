"""What is refused, whichever file or network it comes from.

finite.py  weights and outputs with numbers that are not finite
names.py   class names that nobody could ask for, or that a terminal would obey
"""
