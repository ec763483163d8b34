"""Why a version may not be published: computed from what travels with it, never ticked off."""

from __future__ import annotations

from mlsd.package import ModelPackage
from mlsd.registry.version import Version
from mlsd.report import Finding, Report

_LINEAGE = {
    "data": "the digest of the data it was trained on",
    "recipe": "how it was trained",
    "libraries": "the library versions it was trained with",
}


def judge_package(reference: str, package: ModelPackage) -> Report:
    """Judge whether a package has all that a published one needs.

    Args:
        reference: how the version is called, for the title.
        package: as loaded from the registry.

    Returns:
        Findings `evaluation` (its report exists and is ok), `schema` (describes every input) and
        `lineage` (says what it was made from).
    """
    return Report(f"publish {reference}", (_evaluation(package.report), _schema(package), *_lineage(package)))


def judge_approval(version: Version) -> Report:
    """Judge whether somebody other than its maker has approved a version."""
    who = ", ".join(version.approved_by)
    message = f"approved by {who}" if who else "nobody has approved it; ask somebody other than its maker"
    return Report(f"publish {version.reference}", (Finding("approval", ok=bool(who), message=message),))


def _evaluation(report: Report) -> Finding:
    failed = [finding.message or finding.code for finding in report.failures]
    if not len(report):
        message = "it was not evaluated: its report is empty; evaluate it and register it again"
    elif failed:
        message = f"its evaluation failed: {'; '.join(failed[:3])}"
    else:
        message = "its evaluation is ok"
    ok = report.ok and len(report) > 0
    return Finding("evaluation", "report", ok=ok, value=len(failed), limit=0, message=message)


def _schema(package: ModelPackage) -> Finding:
    unknown = [name for name in package.features if name not in package.schema.names]
    ok = bool(package.features) and not unknown
    message = (
        f"its schema describes all {len(package.features)} inputs"
        if ok
        else f"its schema does not describe the inputs {', '.join(unknown) or '(there are none)'}"
    )
    return Finding("schema", "schema", ok=ok, value=len(unknown), limit=0, message=message)


def _lineage(package: ModelPackage) -> list[Finding]:
    return [
        Finding(
            "lineage",
            part,
            ok=bool(package.lineage.get(part)),
            message=f"its lineage {'holds' if package.lineage.get(part) else 'lacks'} {what}",
        )
        for part, what in _LINEAGE.items()
    ]
