"""A 3D head fitted to labelled faces: dense points of known plane place for training."""
