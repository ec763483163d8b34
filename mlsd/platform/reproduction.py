"""Can this run be made again? It is trained anew from its record, and what differs is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from mlsd.package import ModelPackage
from mlsd.platform.rebuilding import rebuild_recipe
from mlsd.report import Finding, RefusedError, Report, Severity
from mlsd.run import Run
from mlsd.schema import Schema
from mlsd.tracking.lineage import source_of, surroundings
from mlsd.training import train

TOLERANCE = 1e-12  # of a metric: what the order of additions may change
_TIMES = "seconds"  # metrics that begin so were measured by a clock


def reproduce(
    run: Run,
    frame: pd.DataFrame,
    *,
    valid: pd.DataFrame | None = None,
    schema: Schema | None = None,
    code: Callable[..., Any] | None = None,
) -> Report:
    """Judge whether a run that `train` logged can be made again, to the same metrics within 1e-12.

    The first failure is the cause: what is listed after it may follow from it. Recipe, data and code
    must be those of the record. Versions, commit and script are named only when the metrics differ.

    Args:
        run: a run of any tracker.
        frame, valid, schema: what `train` was given.
        code: the function the run was tracked with: `tracker.run(name, code=prepare)`.

    Raises:
        RefusedError: the run was not logged by `train`.

    >>> table = pd.DataFrame({"x": [i % 20 for i in range(400)], "y": [i % 20 > 9 for i in range(400)]})
    >>> from mlsd.training import Recipe
    >>> run = Run("first")
    >>> package = train(table, Recipe("y"), run=run)
    >>> run.log_lineage(package.lineage)
    >>> reproduce(run, table).ok
    True
    """
    if not isinstance(run, Run) or "target" not in run.params:
        raise RefusedError(
            f"{run!r} was not logged by train(..., run=run); nothing says how to train it again"
        )
    title = f"reproduce {run.id or run.name}"
    findings = [_code(run, code)]
    try:
        recipe = rebuild_recipe(run.params)
    except RefusedError as error:
        return Report(title, (Finding("recipe", "recipe", False, message=str(error)), *findings))
    findings.insert(0, Finding("recipe", "recipe", message=f"{recipe!r} is rebuilt from the record"))
    again = Run("again")
    try:
        package = train(frame, recipe, schema, valid, run=again)
    except RefusedError as error:
        findings.append(Finding("data", "data", False, message=f"this table cannot be trained on: {error}"))
        return Report(title, tuple(findings))
    findings += [_data(run, package), _schema(run, package)]
    return Report(title, (*findings, *_outcome(run, again, named=any(f.failed for f in findings))))


def _code(run: Run, code: Callable[..., Any] | None) -> Finding:
    """Compare the function that was given; a script may also change where it does not count."""
    kept, name = run.lineage.get("code"), run.lineage.get("code_of")
    if code is None:
        message = f"not compared; the run was made by {name or 'code that was not recorded'}"
        return Finding("code", "code", message=message, severity="info")
    now = source_of(code)
    same = kept == now["code"]
    message = f"{now['code_of']} {'is' if same else 'is not'} what the run was made with ({name})"
    return Finding("code", "code", same, _short(now["code"]), _short(kept), message)


def _data(run: Run, package: ModelPackage) -> Finding:
    kept: list[str] | None = run.lineage.get("data")
    now: list[str] = package.lineage["data"]
    if not kept:
        message = "the record holds no digest of the data"
        return Finding("data", "data", False, message=message, severity="warning")
    same = kept == now
    message = (
        "these rows are the run's" if same else "these rows are not those the run was trained and judged on"
    )
    details = {"rows": package.lineage["rows"], "rows of the run": run.lineage.get("rows")}
    value, limit = ([_short(one) for one in digests] for digests in (now, kept))
    return Finding("data", "data", same, value, limit, message, details=details)


def _schema(run: Run, package: ModelPackage) -> Finding:
    """Compare the package's name, which says the schema too, once data and libraries agree."""
    kept = run.tags.get("package")
    alike = all(run.lineage.get(part) == package.lineage[part] for part in ("data", "libraries"))
    if not kept or not alike or kept == package.id:
        return Finding("schema", "schema", message="no sign of another schema", severity="info")
    message = "the schema or the recipe is another: give the schema= that train was given"
    return Finding("schema", "schema", False, package.id[:12], kept[:12], message)


def _outcome(run: Run, again: Run, named: bool) -> list[Finding]:
    """Compare metrics; where they differ, name the surroundings that do, else the metric itself."""
    now = {name: points[-1][1] for name, points in again.metrics.items() if not name.startswith(_TIMES)}
    kept = {name: points[-1][1] for name, points in run.metrics.items()}
    other = [name for name in now if not _close(kept.get(name), now[name])]
    suspects = _surroundings(run) if other else []
    blamed = named or any(finding.failed for finding in suspects)
    severity: Severity = "info" if blamed else "error"
    why = "see above" if blamed else "yet every input agrees: train did not log it"
    findings = [
        Finding(
            "metric", name, name not in other, kept.get(name), now[name],
            f"recorded {kept.get(name)}, trained again {now[name]}" + (f"; {why}" if name in other else ""),
            severity if name in other else "error",
        )
        for name in now
    ]  # fmt: skip
    return [*suspects, *findings]


def _surroundings(run: Run) -> list[Finding]:
    here, found = surroundings(), []
    kept = run.lineage.get("packages") or {}
    changed = {name: f"{old} is now {here['packages'].get(name)}" for name, old in kept.items()
               if here["packages"].get(name) != old}  # fmt: skip
    python = run.lineage.get("python", here["python"])
    if python != here["python"]:
        changed["python"] = f"{python} is now {here['python']}"
    found += [Finding("version", name, False, message=f"{name} {text}") for name, text in changed.items()]
    commit = run.lineage.get("commit")
    if commit != here["commit"] and commit:
        message = f"the run was made at commit {_short(commit)}; here is {_short(here['commit'])}"
        found.append(Finding("commit", "code", False, message=message))
    elif commit and (run.lineage.get("uncommitted") or here["uncommitted"]):
        message = f"files of commit {_short(commit)} were changed and not committed, then or now"
        found.append(Finding("commit", "code", False, message=message, severity="warning"))
    return found


def _close(a: float | None, b: float) -> bool:
    if a is None or a != a or b != b:
        return a is not None and a != a and b != b  # NaN both
    return a == b or abs(a - b) <= TOLERANCE * max(1.0, abs(a))


def _short(digest: str | None) -> str:
    return (digest or "none")[:12]
