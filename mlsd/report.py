"""A verdict is data: every judgement in this library returns a `Report` of `Finding`s."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from mlsd.plain import from_json, to_json, to_plain

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["error", "warning", "info"]
MAX_EXAMPLES = 20
_JOIN = " + "  # between the titles of reports that were added
_SHOWN = 12  # findings listed in a repr, failures first


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, what was found and what was allowed.

    Args:
        code: what was checked, one word for machines (`"null"`, `"drift"`).
        subject: what it was checked on: a column, a slice, an endpoint.
        ok: whether it is as it should be.
        value: what was found; plain (number, text, list, dict or None).
        limit: what was allowed, in the unit of `value`.
        message: one sentence for people.
        severity: `"error"` makes the report fail; `"warning"` and `"info"` do not.
        count: how many rows are concerned, all of them.
        rows: at most 20 examples of them (index labels).
        interval: (low, high) around `value`, 95 % unless `details` says otherwise; None unless both are finite.
        details: p-values, effect sizes, sample sizes.

    >>> Finding("null", "n_links", ok=False, value=3, limit=0, message="3 values are missing")
    Finding(FAILED null n_links: 3 values are missing)
    """

    code: str
    subject: str = ""
    ok: bool = True
    value: Any = None
    limit: Any = None
    message: str = ""
    severity: Severity = "error"
    count: int = 0
    rows: tuple[Any, ...] = ()
    interval: tuple[float, float] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.severity not in ("error", "warning", "info"):
            raise ValueError(f"severity is {self.severity!r}; expected 'error', 'warning' or 'info'")
        plain = {name: to_plain(getattr(self, name)) for name in ("value", "limit", "details")}
        for name, value in plain.items():  # plain at the door, so that JSON round-trips
            object.__setattr__(self, name, value)
        for name in ("code", "subject", "message"):
            object.__setattr__(self, name, str(getattr(self, name)))
        object.__setattr__(self, "ok", bool(self.ok))
        object.__setattr__(self, "count", int(self.count))
        object.__setattr__(self, "rows", tuple(to_plain(list(self.rows[:MAX_EXAMPLES]))))
        if self.interval is not None:
            low, high = map(float, self.interval)
            known = math.isfinite(low) and math.isfinite(high)
            object.__setattr__(self, "interval", (low, high) if known else None)

    @property
    def failed(self) -> bool:
        """Whether this finding alone makes a report fail."""
        return not self.ok and self.severity == "error"

    @property
    def mark(self) -> str:
        """`ok`, `FAILED`, `warning` or `note`: the verdict in one word."""
        if self.ok:
            return "ok"
        return {"error": "FAILED", "warning": "warning", "info": "note"}[self.severity]

    def __repr__(self) -> str:
        subject = f" {self.subject}" if self.subject else ""
        message = f": {self.message}" if self.message else ""
        return f"Finding({self.mark} {self.code}{subject}{message})"


@dataclass(frozen=True)
class Report:
    """A titled tuple of findings; `ok` when no finding of severity `"error"` failed.

    Args:
        title: what was judged, in a few words.
        findings: what was found, in the order in which it was looked at.

    >>> good = Report("posts", (Finding("null", "n_links", message="no value is missing"),))
    >>> bad = Report("posts", (Finding("range", "n_links", ok=False, message="1 value is below 0"),))
    >>> (good + bad).ok
    False
    >>> print(good + bad)
    posts: FAILED, 1 of 2 findings failed
      FAILED   range    n_links  1 value is below 0
      ok       null     n_links  no value is missing
    """

    title: str
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", str(self.title))
        object.__setattr__(self, "findings", tuple(self.findings))

    @property
    def ok(self) -> bool:
        """Whether nothing of severity `"error"` failed."""
        return not any(finding.failed for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings of severity `"error"` that failed."""
        return tuple(finding for finding in self.findings if finding.failed)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        """Refuse to be a truth value: an empty report is not a failed one."""
        raise TypeError("a Report is neither true nor false; ask report.ok")

    def __add__(self, other: Report) -> Report:
        if not isinstance(other, Report):
            return NotImplemented
        titles = [*self.title.split(_JOIN), *other.title.split(_JOIN)]
        return Report(_JOIN.join(dict.fromkeys(filter(None, titles))), self.findings + other.findings)

    def raise_for_failures(self) -> Report:
        """Return this report when it is ok.

        Raises:
            RefusedError: something failed; the error carries the report.
        """
        if not self.ok:
            raise RefusedError.of(self)
        return self

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding, one column per field."""
        import pandas as pd

        names = [f.name for f in fields(Finding)]
        return pd.DataFrame([[getattr(f, n) for n in names] for f in self.findings], columns=names)

    def to_json(self) -> str:
        """Return the report as strict JSON text, format 1."""
        return to_json({"format": 1, "title": self.title, "findings": self.findings}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is no report, or one of a newer format.
        """
        record = check_format(from_json(text, "the report"), 1, "the report")
        known = {f.name for f in fields(Finding)}
        try:
            kept = [{k: v for k, v in item.items() if k in known} for item in record["findings"]]
            return cls(record["title"], tuple(Finding(**parts) for parts in kept))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"the report is incomplete: {error}") from None

    def _sorted(self) -> list[Finding]:
        order = {"FAILED": 0, "warning": 1, "note": 2, "ok": 3}
        return sorted(self.findings, key=lambda finding: order[finding.mark])

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        failed = len(self.failures)
        if failed:
            return f"{self.title}: FAILED, {failed} of {len(self)} findings failed"
        return f"{self.title}: ok, {len(self)} finding{'' if len(self) == 1 else 's'}"

    def __repr__(self) -> str:
        shown = self._sorted()[:_SHOWN]
        wide = max((len(f.code) for f in shown), default=0) + 2
        subject = max((len(f.subject) for f in shown), default=0)
        lines = [
            f"  {f.mark:<8} {f.code:<{wide}} {f.subject:<{subject}}  {f.message}".rstrip() for f in shown
        ]
        if len(self) > _SHOWN:
            lines.append(f"  and {len(self) - _SHOWN} more")
        return "\n".join([self.summary, *lines])

    def _columns(self, finding: Finding) -> tuple[str, ...]:
        return finding.code, finding.subject, finding.message

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{''.join(map(_td, (_badge(f), *map(html.escape, self._columns(f)))))}</tr>"
            for f in self._sorted()[:_SHOWN]
        )
        more = f"<p>and {len(self) - _SHOWN} more</p>" if len(self) > _SHOWN else ""
        table = f"<table>{rows}</table>" if rows else ""
        return f"<div><strong>{html.escape(self.summary)}</strong>{table}{more}</div>"


class RefusedError(ValueError):
    """Something was refused for a reason that a person can mend; `report` holds the findings.

    >>> try:
    ...     Report("gate", (Finding("better", ok=False, message="not better"),)).raise_for_failures()
    ... except RefusedError as error:
    ...     print(error, "|", error.report.failures[0].code)
    gate: not better | better
    """

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        if report is None:
            report = Report("refused", (Finding("refused", ok=False, message=message),))
        self.report = report

    @classmethod
    def of(cls, report: Report) -> RefusedError:
        """Return the error that a failed report stands for, its sentence naming three failures."""
        named = "; ".join(f"{f.subject + ': ' if f.subject else ''}{f.message}" for f in report.failures[:3])
        more = f"; and {len(report.failures) - 3} more" if len(report.failures) > 3 else ""
        return cls(f"{report.title}: {named}{more}", report)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.report)


def check_format(record: Any, newest: int, what: str) -> dict[str, Any]:
    """Return a record that was read from a file, when this version can understand it.

    Raises:
        ValueError: it is no record, or its `format` is newer than `newest`.
    """
    if not isinstance(record, dict) or type(record.get("format")) is not int:
        raise ValueError(f"{what} has no whole number under 'format'; it was not written by mlsd")
    if record["format"] > newest:
        raise ValueError(f"{what} has format {record['format']}; this mlsd reads up to {newest}: update mlsd")
    return record


def _td(inside: str) -> str:
    return f"<td style='text-align:left'>{inside}</td>"


def _badge(finding: Finding) -> str:
    colour = {"ok": "#2e7d32", "FAILED": "#c62828", "warning": "#b26a00", "note": "#546e7a"}
    return (
        f"<span style='color:#fff;background:{colour[finding.mark]};padding:0 .5em;"
        f"border-radius:.3em'>{finding.mark}</span>"
    )
