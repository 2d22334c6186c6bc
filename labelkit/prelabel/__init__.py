"""Running a model over faces that have no annotation."""
