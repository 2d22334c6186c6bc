"""Training: packed faces, augmentation, losses, the engine, evaluation, recipes."""
