"""What the documentation adds to Sphinx, one idea per file."""
