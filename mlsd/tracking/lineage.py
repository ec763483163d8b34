"""What a run was made from, as far as the machine can tell by itself."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mlsd.digest import digest_bytes, digest_code, digest_file
from mlsd.report import RefusedError

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


def source_of(code: Callable[..., Any] | None = None) -> dict[str, Any]:
    """Return the digest of the source that is running, and which source that is.

    Args:
        code: a function; comments, docstring and layout do not count. When left out it is the script
            that Python was started with, or the cells of the notebook that were run so far.

    Raises:
        RefusedError: the source of the function cannot be read.

    >>> source_of(source_of)["code_of"]
    'function source_of'
    """
    if code is not None:
        try:
            return {"code": digest_code(code), "code_of": f"function {code.__name__}"}
        except (ValueError, AttributeError) as error:
            raise RefusedError(f"code is {code!r}: {error}; expected a function") from None
    main = sys.modules["__main__"]
    cells = getattr(main, "In", None)  # IPython's own list: what was run, in the order of running
    if isinstance(cells, list):
        return {"code": digest_bytes("\0".join(cells).encode()), "code_of": f"{len(cells) - 1} cells"}
    script = Path(getattr(main, "__file__", None) or "")
    if script.is_file():
        return {"code": digest_file(script), "code_of": f"script {script.name}"}
    return {"code": None, "code_of": None}


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
