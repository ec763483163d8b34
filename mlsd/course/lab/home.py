"""Where the labs lie: where one says, in the checkout, or in the installed package."""

from __future__ import annotations

import os
from pathlib import Path

LABS = "MLSD_LABS"  # names another folder of labs: an author's own, or a test's
_PACKAGE = Path(__file__).parents[2]  # the folder mlsd
_CHECKOUT = _PACKAGE.parent


def labs_folder() -> Path:
    """Return the folder that holds `src/`, the editions and the proofs.

    >>> (labs_folder() / "src").is_dir()
    True
    """
    if named := os.environ.get(LABS):
        return Path(named)
    beside = _CHECKOUT / "labs"
    return beside if (beside / "src").is_dir() else _PACKAGE / "_labs"


def lock_file() -> Path | None:
    """Return the list of the class's exact package versions, if it is here."""
    inside = labs_folder()
    for path in (_CHECKOUT / "requirements.lock", inside / "requirements.lock"):
        if path.is_file():
            return path
    return None
