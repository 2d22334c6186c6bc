"""labelkit: draw the face-landmark scheme you need, get labels, correct them, export them."""

__version__ = "0.1.0"
