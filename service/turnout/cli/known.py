"""Which collections are known? Asked by verbs for which a misspelt name would look as if all were well."""

from __future__ import annotations

import re

from turnout.cli.settings import Settings
from turnout.errors import BadInput


def check_known(settings: Settings, collection: str) -> None:
    """Do nothing if there is such a collection, in the working tree or on the server.

    Raises:
        BadInput: neither knows it.
        Unavailable: the server can't say.
    """
    folder = settings.root / "pipelines"
    known = sorted(each.name for each in folder.glob("*/") if each.is_dir())
    if collection in known:
        return
    # Git may have forgotten a collection that is still served.
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]*", collection) and settings.reader().views(settings.names(collection)):
        return
    raise BadInput(
        f"no collection {collection!r}", where=str(folder), remedy=f"name one of: {', '.join(known) or 'none'}"
    )
