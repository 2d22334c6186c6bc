"""Projects: a folder of photos on its way to a labelled data set."""

from labelkit.project.project import Project

__all__ = ["Project"]
