"""Training of the face detector: photos with faces, views of them, targets, loss and loop."""
