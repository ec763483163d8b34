"""One figure per noun: its title is the conclusion, grey is the reference, blue is now, red is refused."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mlsd.column_profile import NAMED, ORDERED, ColumnProfile
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import wilson_interval

if TYPE_CHECKING:
    from mlsd.package import ModelPackage
    from mlsd.profile import Profile

INK, REFERENCE, CURRENT, REFUSED = "#24292f", "#8a939d", "#1f6fb5", "#c0392b"
_DARK = {INK: "#e8eaed", REFERENCE: "#98a2ad", CURRENT: "#69b3f2", REFUSED: "#ff8a7a"}
_BOTH = {
    INK: "#767b82",
    REFERENCE: "#8a939d",
    CURRENT: "#3c8bd0",
    REFUSED: "#d9534a",
}  # on white and on black
_PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g}%")
_SIZE = (6.0, 3.5)  # inches
_MAX_BINS = 24
_NAMED_LINES = 3
_MAX_ROWS = 10  # bars or dots below each other


class Picture(Figure):
    """A matplotlib figure with a sentence for those who cannot see it (`alt`); a notebook shows it as SVG."""

    alt = ""

    def _repr_svg_(self) -> str:
        return _svg(self, _BOTH)


def svg(figure: Figure, *, dark: bool = False) -> str:
    """Return a figure as SVG text for a page: no background, the same bytes for the same figure.

    >>> picture = plot_calibration([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8], bins=2)
    >>> svg(picture).startswith('<svg role="img" aria-label="'), INK in svg(picture, dark=True)
    (True, False)
    """
    return _svg(figure, _DARK if dark else {})


def _svg(figure: Figure, colours: Mapping[str, str]) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mlsd"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, other in colours.items():
        text = text.replace(colour, other)
    alt = escape(getattr(figure, "alt", ""), quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{alt}"', 1)


# ---- the figures ------------------------------------------------------------------------------------


def plot_profile(
    reference: Profile, current: Profile | None, column: str, *, unit: str = "", title: str = ""
) -> Picture:
    """Draw how the values of one column lie: the reference in grey, the current window in blue.

    Numbers stand on equal bins between the reference's extremes, redrawn from its quantile cells.

    Args:
        reference: what is normal.
        current: the window counted on its cells, or None.
        column: its name.
        unit: of its values.
        title: the conclusion; by default what moved most.

    Raises:
        RefusedError: there is no such column, or its kind is not counted (text, key, time).
    """
    if column not in reference.columns:
        raise RefusedError(f"the profile has no column {column!r}; it has {', '.join(reference.columns)}")
    before = reference.columns[column]
    after = current.columns[column] if current is not None else None
    if before.kind not in ORDERED + NAMED or not before.present:
        raise RefusedError(f"{column} is {before.kind}: its values are not counted and cannot be drawn")
    draw = _draw_numbers if before.kind in ORDERED else _draw_names
    axes, figure = _axes()
    conclusion = draw(axes, before, after, f"{column} ({unit})" if unit else column)
    return _finish(figure, axes, title or conclusion, "share of the rows, reference grey, current blue")


def plot_drift(
    reports: Sequence[Report], times: Sequence[Any], limit: float | None = None, *, title: str = ""
) -> Picture:
    """Draw how far each column moved, window by window; a red cross marks a failed finding.

    Args:
        reports: one `detect_drift` report a window.
        times: when each window began.
        limit: the smallest effect that matters; by default the one the reports state.
        title: the conclusion; by default which column moved most.
    """
    _same_length(reports=reports, times=times)
    effects = _effects(reports)
    axes, figure = _axes("effect (share of the rows that moved)", times)
    order = sorted(effects, key=lambda name: -np.nanmax(effects[name]))
    failed = [
        (i, f.subject) for i, report in enumerate(reports) for f in report.failures if f.subject in effects
    ]
    moved = [name for name in order if name in {name for _, name in failed}]
    x = _moments(times)
    for name in order:
        worst = name in order[:_NAMED_LINES]
        colour = CURRENT if worst and name in moved else REFERENCE
        axes.plot(x, effects[name], color=colour, lw=1.8 if worst else 0.8, zorder=2 + worst)
    for i, name in failed:
        axes.plot(x[i], effects[name][i], "x", color=REFUSED, ms=5, zorder=5)
    stated = [f.limit for report in reports for f in report if f.code == "drift" and f.limit is not None]
    limit = limit if limit is not None else max(stated, default=0.0)
    ends = [(_last(effects[name]), name, CURRENT if name in moved else INK) for name in order[:_NAMED_LINES]]
    if limit and effects:
        axes.axhline(limit, color=REFUSED, lw=1, ls="--")
        ends.append((limit, f"limit {limit:.1%}", REFUSED))
    axes.set_ylim(0, 1.15 * max([limit, 0.01, *(np.nanmax(effects[name]) for name in order[:1])]))
    axes.yaxis.set_major_formatter(_PERCENT)
    _label_ends(axes, ends)
    said = "No column moved"
    if moved:
        said = f"{moved[0]} moved most: {np.nanmax(effects[moved[0]]):.1%} of the rows"
    words = f"effect of {len(effects)} columns in {len(times)} windows, limit {limit:.1%}"
    return _finish(figure, axes, title or said, words)


def plot_performance(
    times: Sequence[Any],
    loss: Sequence[float],
    expected: float | Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    *,
    ceiling: float | Sequence[float] | None = None,
    events: Sequence[tuple[Any, str]] = (),
    metric: str = "log loss",
    title: str = "",
) -> Picture:
    """Draw the loss of each window beside what the model promised and the best that anyone could reach.

    Args:
        times: (n,) when each window began.
        loss: (n,) measured on labelled rows.
        expected: what the model promised, one number or (n,).
        low, high: (n,) interval of the loss.
        ceiling: the loss of the world's own law, one number or (n,).
        events: moments and their names (`[(at, "drift"), (later, "swap")]`).
        metric: name of the loss, with its unit.
        title: the conclusion; by default how the last window compares with the promise.
    """
    n = len(times)
    bounds = {} if low is None or high is None else {"low": low, "high": high}
    _same_length(times=times, loss=loss, **bounds)
    axes, figure = _axes(f"{metric} (lower is better)", times)
    x = _moments(times)
    drawn = (
        ("measured", loss, CURRENT, "-"),
        ("promised", expected, REFERENCE, "--"),
        ("ceiling", ceiling, INK, ":"),
    )
    ends = []
    for name, values, colour, style in drawn:
        if values is not None and n:
            y = np.broadcast_to(np.asarray(values, dtype=float), n)
            axes.plot(x, y, color=colour, ls=style, lw=1.6, marker="o" if name == "measured" else "", ms=3)
            ends.append((_last(y), name, colour))
    if bounds and n:
        axes.fill_between(x, bounds["low"], bounds["high"], color=CURRENT, alpha=0.18, lw=0)
    _label_ends(axes, ends)
    _mark_events(axes, events)
    said = "No window could be judged"
    if n:
        gap = ends[0][0] - ends[1][0]
        said = f"The last window's {metric} is {abs(gap):.3f} {'above' if gap > 0 else 'below'} the promise"
    return _finish(figure, axes, title or said, f"{metric} of {n} windows beside what was promised")


def plot_report(report: Report, *, title: str = "") -> Picture:
    """Draw the findings that carry an interval: a dot, its 95 % interval, and the limit where there is one.

    Values of very different size are drawn relative to themselves; the numbers stand beside.

    Args:
        report: such as the one of `evaluate`.
        title: the conclusion; by default the report's own summary.
    """
    found = [f for f in report if f.interval is not None and isinstance(f.value, int | float)]
    shown = sorted(found, key=lambda f: not f.failed)[:_MAX_ROWS]
    shown = [f for f in found if f in shown][::-1]  # in the report's order, the first on top
    shared = all(max(map(abs, (f.value, *f.interval))) <= 1.5 for f in shown)  # type: ignore[misc]
    axes, figure = _axes("")
    axes.set_xlabel(
        "value, with its 95 % interval" if shared else "relative to the value, with its 95 % interval"
    )
    for row, finding in enumerate(shown):
        _draw_finding(axes, row, finding, 1.0 if shared else abs(finding.value) or 1.0)
    names = [
        f.code if f.subject in f.code else f"{f.code} {f.subject}".removeprefix("metric ") for f in shown
    ]
    axes.set_yticks(range(len(shown)), [textwrap.shorten(name.replace("_", " "), 28) for name in names])
    axes.set_ylim(-0.6, max(len(shown), 1) - 0.4)
    axes.margins(x=0.08)
    axes.grid(axis="x", color=REFERENCE, alpha=0.25, lw=0.6)
    nothing = "" if shown else "No finding carries an interval"
    words = "; ".join(f"{name} {f.value:.3g}" for name, f in zip(names, shown, strict=True))
    return _finish(figure, axes, title or nothing or report.summary, words)


def plot_calibration(
    y: Sequence[float] | np.ndarray, p: Sequence[float] | np.ndarray, bins: int = 10, *, title: str = ""
) -> Picture:
    """Draw predicted probabilities against what came true, in bins of as many rows each.

    Args:
        y: (n,) truth, 0 or 1.
        p: (n,) predicted probability of 1.
        bins: at most this many.
        title: the conclusion; by default the two means.

    Raises:
        RefusedError: the arrays are empty, differ in length, or are no probabilities.
    """
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    _same_length(y=y, p=p)
    if (
        not len(y)
        or y.ndim > 1
        or p.ndim > 1
        or not ((p >= 0) & (p <= 1)).all()
        or not np.isin(y, (0, 1)).all()
    ):
        raise RefusedError("calibration needs labels 0 and 1 and one probability from 0 to 1 for each")
    order = np.argsort(p, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    said, true = (np.array([values[group].mean() for group in groups]) for values in (p, y))
    bounds = np.array([wilson_interval(int(y[group].sum()), len(group)) for group in groups])
    axes, figure = _axes("share that came true")
    axes.set_xlabel("predicted probability")
    top = min(1.0, 1.1 * max(said.max(), bounds.max()))
    axes.plot([0, top], [0, top], color=REFERENCE, ls="--", lw=1.2)
    _write(axes, "as predicted", (0.97 * top, 0.97 * top), (-4, 0), REFERENCE, ha="right", va="bottom")
    errors = np.abs(bounds.T - true)
    axes.errorbar(said, true, errors, fmt="o", color=CURRENT, ms=5, lw=1.2, capsize=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_PERCENT)
    conclusion = f"{p.mean():.1%} expected, {y.mean():.1%} came true"
    return _finish(
        figure, axes, title or conclusion, f"{len(groups)} bins of about {len(y) // len(groups)} rows"
    )


def plot_importance(package: ModelPackage, *, title: str = "") -> Picture:
    """Draw which features a LightGBM model gained most from, as shares of the whole gain.

    Args:
        package: with a LightGBM model.
        title: the conclusion; by default the first feature's share.

    Raises:
        RefusedError: the model is no LightGBM booster, or never split.
    """
    if not hasattr(package.model, "feature_importance"):
        kind = type(package.model).__name__
        raise RefusedError(f"gain is known of LightGBM models only; this model is a {kind}")
    gain = np.asarray(package.model.feature_importance("gain"), dtype=float)
    if not gain.sum():
        raise RefusedError("the model never split, so no feature gained anything; train it on more rows")
    order = np.argsort(-gain, kind="stable")[:_MAX_ROWS]
    shares, names = gain[order] / gain.sum(), [package.features[i] for i in order]
    axes, figure = _axes("")
    axes.barh(range(len(order)), shares, color=CURRENT, height=0.65)
    _name_rows(axes, names)
    for row, share in enumerate(shares):
        _write(axes, f"{share:.0%}", (share, row), (3, 0), INK)
    axes.set_xlabel(f"share of the gain (training loss saved), {len(order)} of {len(gain)} features")
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.margins(x=0.1)
    words = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares, strict=True))
    return _finish(
        figure, axes, title or f"{names[0]} carries {shares[0]:.0%} of what the model gained", words
    )


# ---- their parts ------------------------------------------------------------------------------------


def _axes(ylabel: str = "", times: Sequence[Any] | None = None) -> tuple[Axes, Picture]:
    figure = Picture(figsize=_SIZE, layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(REFERENCE)
    axes.tick_params(colors=INK, labelsize=9)
    axes.set_ylabel(ylabel)
    if times is not None:
        locator = AutoDateLocator(minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set_xlabel("time (UTC)")
    return axes, figure


def _finish(figure: Picture, axes: Axes, title: str, words: str) -> Picture:
    figure.suptitle(textwrap.fill(title, 62), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    if not axes.has_data():
        axes.set_axis_off()
    for label in (axes.xaxis.label, axes.yaxis.label, axes.xaxis.get_offset_text()):
        label.set(color=INK, fontsize=9)
    figure.draw_without_rendering()  # laid out once, so that drawing it twice gives the same bytes
    figure.set_layout_engine("none")
    figure.alt = f"{title}. {words}."
    return figure


def _same_length(**arrays: Sequence[Any] | np.ndarray) -> None:
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise RefusedError(f"a figure needs as many of each, and got {said}")


def _moments(times: Sequence[Any]) -> list[float]:
    """Return moments as matplotlib counts them: days since 1970, UTC."""
    return [float(date2num(pd.Timestamp(time).floor("us").to_pydatetime())) for time in times]


def _write(
    axes: Axes,
    words: str,
    where: tuple[float, float],
    offset: tuple[float, float],
    colour: str,
    units: tuple[str, str] = ("data", "data"),
    **style: Any,
) -> None:
    """Write words at an offset in points from a place, outside of the axes too."""
    style = {"va": "center", "fontsize": 9, **style}
    axes.annotate(words, where, offset, units, "offset points", color=colour, annotation_clip=False, **style)


def _last(values: Any) -> float:
    known = [float(value) for value in values if not is_missing(value)]
    return known[-1] if known else math.nan


def _effects(reports: Sequence[Report]) -> dict[str, np.ndarray]:
    """Return column -> its largest effect in each window, NaN where none was measured."""
    effects: dict[str, np.ndarray] = {}
    for i, report in enumerate(reports):
        for f in report:
            if f.subject and isinstance(f.value, int | float):
                row = effects.setdefault(f.subject, np.full(len(reports), np.nan))
                row[i] = np.fmax(row[i], f.value)
    return effects


def _label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write names right of the lines' ends, apart from each other by a line of text."""
    low, high = axes.get_ylim()
    step, floor = (high - low) * 0.065, -math.inf
    for y, name, colour in sorted(end for end in ends if math.isfinite(end[0])):
        floor = max(y, floor + step)
        _write(axes, name, (1.0, floor), (4, 0), colour, ("axes fraction", "data"))
    axes.set_ylim(low, high)


def _mark_events(axes: Axes, events: Sequence[tuple[Any, str]]) -> None:
    """Draw a line for each event, its name above; names of near events stand on different heights."""
    colours, low, level = {"alert": REFUSED, "swap": CURRENT}, -math.inf, 0
    near = 0.1 * float(np.ptp(axes.get_xlim()))
    for at, name in sorted(events, key=lambda event: pd.Timestamp(event[0])):
        x, colour = _moments([at])[0], colours.get(name, INK)
        level, low = ((level + 1) % 3 if x - low < near else 0), x
        axes.axvline(x, color=colour, lw=1, ls=(0, (4, 2)))
        _write(axes, name, (x, 1.0), (0, 6 + 11 * level), colour, ("data", "axes fraction"), ha="center")


def _draw_finding(axes: Axes, row: int, finding: Finding, scale: float) -> None:
    low, high = finding.interval or (math.nan, math.nan)
    colour, marker = (REFUSED, "X") if finding.failed else (CURRENT, "o")
    axes.plot([low / scale, high / scale], [row, row], color=colour, lw=2, solid_capstyle="round")
    axes.plot(finding.value / scale, row, marker, color=colour, ms=6)
    words = f"{_number(finding.value)} ({_number(low)} to {_number(high)})"
    _write(axes, words, (1.0, row), (4, 0), colour, ("axes fraction", "data"))
    if isinstance(finding.limit, int | float):
        x = finding.limit / scale
        axes.plot([x, x], [row - 0.3, row + 0.3], color=REFERENCE, lw=1.5)
        _write(
            axes,
            f"limit {_number(finding.limit)}",
            (x, row + 0.3),
            (0, 1),
            REFERENCE,
            ha="center",
            va="bottom",
            fontsize=7,
        )


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e6 else f"{value:.3g}"


def _cdf(column: ColumnProfile) -> Callable[[np.ndarray], np.ndarray]:
    """Return the share of the values at or below x, interpolated in each cell."""
    low, high = float(column.minimum or 0), float(column.maximum or 0)
    bounds = np.clip([np.nextafter(low, -np.inf), *column.edges, high], np.nextafter(low, -np.inf), high)
    shares = np.cumsum([0, *column.counts]) / max(sum(column.counts), 1)
    return lambda x: np.interp(x, bounds, shares)  # where bounds coincide, the last share holds


def _draw_numbers(axes: Axes, before: ColumnProfile, after: ColumnProfile | None, label: str) -> str:
    drawn = [(before, REFERENCE, "reference")]
    drawn += [(after, CURRENT, "current")] if after is not None and after.present else []
    bins = _bins(before, [column for column, *_ in drawn])
    edges = bins + 0.5 if before.kind == "integer" else bins  # the bar of a whole number stands around it
    right = (before.quantile(0.5) or 0) < (bins[0] + bins[-1]) / 2  # where there is room for words
    place, side = (0.98, "right") if right else (0.02, "left")
    for i, (column, colour, name) in enumerate(drawn):
        cdf, filled = _cdf(column)(bins), name == "reference"
        axes.stairs(np.diff(cdf), edges, color=colour, fill=filled, alpha=0.45 if filled else 1, lw=1.8)
        beyond = 1 - (cdf[-1] - cdf[0])
        words = f"{name}, {beyond:.0%} lie beyond" if beyond > 0.01 else name
        where = (place, 0.95 - 0.08 * i)
        _write(axes, words, where, (0, 0), colour, ("axes fraction", "axes fraction"), ha=side)
    axes.set(xlabel=label, ylabel="share of the values")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=before.kind == "integer"))
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.margins(x=0, y=0.12)
    medians = [column.quantile(0.5) for column, *_ in drawn]
    said = f"{before.name}: the median is {medians[0]:.3g}"
    return said if len(drawn) == 1 else f"{said} in the reference, {medians[1]:.3g} now"


def _bins(before: ColumnProfile, columns: Sequence[ColumnProfile]) -> np.ndarray:
    """Return equal bins over the reference without its far tails, and a fifth more where there are values."""
    low, high = before.quantile(0.002) or 0.0, before.quantile(0.998) or 0.0
    pad = 0.2 * (high - low) or 1.0
    low = max(low - pad, min(float(column.minimum or 0) for column in columns))
    high = min(high + pad, max(float(column.maximum or 0) for column in columns))
    if before.kind == "integer":
        low, high = math.floor(low) - 1, math.ceil(high)
        step = max(1, math.ceil((high - low) / _MAX_BINS))
        return np.arange(low, high + step, step, dtype=float)
    return np.linspace(np.nextafter(low, -np.inf), high if high > low else low + 1, _MAX_BINS + 1)


def _draw_names(axes: Axes, before: ColumnProfile, after: ColumnProfile | None, label: str) -> str:
    pairs = [(before, REFERENCE, "reference", "")]
    pairs += [(after, CURRENT, "current", "///")] if after is not None and after.present else []
    names = [*before.levels, "other", "never seen"]
    shares = np.array([[*column.counts, column.unseen] for column, *_ in pairs], dtype=float)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    order = [i for i in np.argsort(-shares.max(axis=0), kind="stable")[:_MAX_ROWS] if shares[:, i].any()]
    height = 0.8 / len(pairs)
    for k, (_, colour, name, hatch) in enumerate(pairs):
        rows = np.arange(len(order)) + (k - (len(pairs) - 1) / 2) * height
        axes.barh(rows, shares[k, order], height * 0.92, color=colour, hatch=hatch, ec="#ffffff55", lw=0)
        end = (shares[k, order[0]], rows[0])
        _write(axes, name, end, (4, 0), colour)
    _name_rows(axes, [names[i] for i in order])
    axes.set(xlabel=f"share of the values of {label}", xlim=(0, 1.2 * shares.max()))
    axes.xaxis.set_major_formatter(_PERCENT)
    most = int(np.argmax(np.abs(shares[-1] - shares[0]))) if len(pairs) > 1 else order[0]
    said = f"{before.name}: {names[most]!r:.30} has {shares[0, most]:.0%} of the values"
    return said if len(pairs) == 1 else f"{said} in the reference, {shares[1, most]:.0%} now"


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [textwrap.shorten(str(name), 26, placeholder="…") for name in names])
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
