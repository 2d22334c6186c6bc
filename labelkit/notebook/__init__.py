"""What stands alone in a notebook: a photo to draw on (`canvas`), many faces at once (`gallery`)."""
