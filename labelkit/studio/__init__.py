"""`SchemeStudio`: a scheme drawn on the plane, with real faces beside it that show what it means.

The layer above models, projects and the editor: it finds example faces, lets a model look at them
once, and hands the widgets of `labelkit.editor` what they show.
"""

from labelkit.studio.studio import SchemeStudio

__all__ = ["SchemeStudio"]
