"""Reading releases from Git history, and committing a way back. The only place that runs the `git` program.

`plan --base` reads release.json at a ref; `revert` restores files of an older commit. Called by the command line.
"""

from turnout.git.read import find_release, read_file, resolve, root_of
from turnout.git.write import commit_files

__all__ = ["commit_files", "find_release", "read_file", "resolve", "root_of"]
