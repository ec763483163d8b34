"""What a run was made from, as far as the machine can tell by itself."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("mlsd", "numpy", "pandas", "scikit-learn", "lightgbm")
_PATIENCE = 5.0  # seconds that git may take


def surroundings(folder: str | Path = ".") -> dict[str, Any]:
    """Return the git commit of a folder, the Python version and the versions of the main packages.

    `commit` is None outside a repository. `uncommitted` tells whether followed files differ from
    that commit: then the commit alone does not repeat the run.

    >>> sorted(surroundings())
    ['commit', 'packages', 'python', 'uncommitted']
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {
        "commit": commit,
        "uncommitted": bool(changes),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _git(folder: str | Path, *words: str) -> str | None:
    """Return what git says, or None where there is no git, no repository or no answer."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
