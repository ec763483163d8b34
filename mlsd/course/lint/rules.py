"""All rules of a lab in one report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlsd.course.lab.edition import edition_path
from mlsd.course.lab.guard import guard
from mlsd.course.lab.source import Lab
from mlsd.course.lint import names, outputs, reach, shape
from mlsd.course.lint.code import Rule, findings_of
from mlsd.course.lint.draft import EDITIONS, Draft
from mlsd.report import Report

RULES: dict[str, Rule] = {
    "built": outputs.built,
    "undefined": names.undefined,
    "rebound": names.rebound,
    "network-or-path": reach.network_or_path,
    "unseeded": reach.unseeded,
    "long-cell": shape.long_cell,
    "no-prose": shape.no_prose,
    "forward": shape.forward,
    "objective": shape.objective,
    "exercise": shape.exercise,
    "minutes": shape.minutes,
    "alt": outputs.alt,
    "axes": outputs.axes,
    "digits": outputs.digits,
    "ignored": outputs.ignored,
    "weight": outputs.weight,
    "size": shape.size,
}
ADVICE = ("size",)  # a warning: a good lab may differ


def lint(lab: Lab, folder: Path) -> Report:
    """Judge a lab by all rules, those of the guards included; nothing is run.

    Args:
        lab: as its author wrote it.
        folder: of the labs.

    Raises:
        RefusedError: a stub and its exercise do not agree.
    """
    draft = Draft.of(lab, folder)
    found = findings_of(RULES, draft)
    found = tuple(replace(f, severity="warning") if f.code in ADVICE and not f.ok else f for f in found)
    for name in draft.kept:
        guarded = guard(edition_path(lab, solved=EDITIONS[name], folder=folder))
        found += tuple(replace(f, subject=f"{name} {f.subject}".strip()) for f in guarded)
    return Report(f"lab {lab.number}", found)
