"""Faces in memory: which photo, where in it, what is known, and what reading left out.

``sample`` holds the values, ``dataset`` their sequence; ``parts`` divides it, ``reexpress`` brings
faces into another scheme, ``table`` lays faces out as rows.
"""

from labelkit.dataset.dataset import Dataset
from labelkit.dataset.sample import Attribute, LeftOut, ReadReport, Sample

__all__ = ["Attribute", "Dataset", "LeftOut", "ReadReport", "Sample"]
