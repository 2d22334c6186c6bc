"""The app in the browser: a project's pages in the order of the work.

`serve` runs it. One page of HTML holds the whole app; a module per page builds what stands in its
middle. Nothing is fetched from other hosts, and photos are handed out by their number in the
project, never by a path that a browser names.
"""

from labelkit.app.server import serve

__all__ = ["serve"]
