"""Reading releases from Git history, and committing a way back. The only place that runs the `git` program.

`plan --base` reads release.json at a ref; `check` asks what a change touches; `revert` restores files of an older
commit. Called by the command line and the gate.
"""

from turnout.git.compare import ChangedPath, changed_paths, describe_head, folders_at, merge_base
from turnout.git.read import find_release, read_file, resolve, root_of
from turnout.git.write import commit_files

__all__ = [
    "ChangedPath",
    "changed_paths",
    "commit_files",
    "describe_head",
    "find_release",
    "folders_at",
    "merge_base",
    "read_file",
    "resolve",
    "root_of",
]
