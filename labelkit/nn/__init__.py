"""Network blocks that know nothing of faces."""
