"""Programs that we bring ourselves, without root: Debian packages unpacked into a private cache.

`bring` is the whole interface; it blocks (call it in a thread from asynchronous code). `children.end_all` ends every fetch of
this process.
"""

from hotline.tools.cache import bring
from hotline.tools.processes import children
from hotline.tools.tool import Tool, last_lines

__all__ = ["Tool", "bring", "children", "last_lines"]
