"""The health of a model as one page: a card to be read from the back of the room, then the evidence."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mlsd.platform.health_words import NOTHING, changed, hurts, measured, span
from mlsd.platform.page_style import document, palette
from mlsd.plot import Picture, plot_drift, plot_performance, svg
from mlsd.report import Finding, Report

if TYPE_CHECKING:
    from mlsd.platform.health import Health

_LINES = 10  # columns drawn and listed: those that moved furthest
_SIGNS = {"Yes": "✓", "Watch": "!", "No": "✗", "Unknown": "?"}
_COLOURS = {
    "ok": "#1e7b34",
    "warning": "#8a5a00",
    "FAILED": "#b3261e",
    "note": "#55606b",
}  # under white words
STYLE = (
    palette(".mlsd-health")
    + """
.mlsd-health { font: 17px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 72rem; margin: 0 auto; padding: 1rem 1.4rem; box-sizing: border-box; overflow-wrap: anywhere; }
.mlsd-health h1 { font-size: clamp(1.5rem, 3.2vw, 2.5rem); line-height: 1.15; margin: .2rem 0 .4rem; }
.mlsd-health h2 { font-size: 1.35rem; margin: 1.6rem 0 .4rem; }
.mlsd-health .about { color: var(--soft); margin: 0 0 .9rem; }
.mlsd-health .card { display: flex; flex-wrap: wrap; gap: .8rem; }
.mlsd-health .answer { flex: 1 1 13rem; box-sizing: border-box; color: #fff; border-radius: .6rem;
  padding: .8rem 1rem 1rem; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.mlsd-health .question { font-size: clamp(1.05rem, 1.7vw, 1.35rem); }
.mlsd-health .word { font-size: clamp(2.2rem, 4.4vw, 3.4rem); font-weight: 700; line-height: 1.15; }
.mlsd-health .why { font-size: clamp(1rem, 1.4vw, 1.12rem); line-height: 1.35; }
.mlsd-health .next { font-size: clamp(1.1rem, 1.8vw, 1.45rem); margin: .9rem 0 0; padding-left: .8rem;
  border-left: .35rem solid var(--ink); }
.mlsd-health .sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
  gap: 0 2rem; }
.mlsd-health table { border-collapse: collapse; width: 100%; font-size: 1rem; color: inherit; }
.mlsd-health tr { background: none !important; }
.mlsd-health table td { padding: .3rem .7rem .3rem 0; vertical-align: top; text-align: left; white-space: normal;
  border: 0; border-bottom: 1px solid var(--line); color: inherit; }
.mlsd-health td b { white-space: nowrap; }
.mlsd-health figure { margin: .8rem 0; } .mlsd-health figure svg, .mlsd-health figure img { width: 100%; height: auto; }
.mlsd-health figcaption, .mlsd-health .absent { color: var(--soft); font-size: .95rem; }
@media print { .mlsd-health { max-width: none; padding: 0; }
  .mlsd-health .answer, .mlsd-health figure, .mlsd-health tr { break-inside: avoid; } }
"""
)


def page(health: Health) -> str:
    """Return the health as a whole HTML file, its pictures drawn for light and for dark."""
    both = lambda figure: (  # noqa: E731
        f"<div class='light'>{svg(figure)}</div><div class='dark'>{svg(figure, dark=True)}</div>"
    )
    ground = palette("body") + "body { margin: 0; background: var(--paper); }"
    return document(health.title, ground + STYLE, _main(health, both))


def part(health: Health) -> str:
    """Return the health as a part of a notebook, its pictures drawn once for both grounds."""
    return f"<style>{STYLE}</style>{_main(health, _image)}"


def _image(figure: Picture) -> str:
    """Return a picture as an image within the text: hosts that clean their HTML drop `svg`, not this."""
    data = base64.b64encode(figure._repr_svg_().encode()).decode()
    return f"<img alt='{html.escape(figure.alt)}' src='data:image/svg+xml;base64,{data}'>"


def _main(health: Health, draw: Callable[[Picture], str]) -> str:
    words = html.escape
    absent = "".join(f"<p class='absent'>Not looked at. {words(line)}</p>" for line in health.absent)
    first, *rest = health.advice
    more = "".join(f"<li>{words(line)}</li>" for line in rest)
    return (
        f"<main class='mlsd-health'><h1>{words(health.title)}</h1><p class='about'>{words(span(health))}</p>"
        f"<div class='card'>{''.join(map(_answer, health.card))}</div>"
        f"<p class='next'><b>First:</b> {words(first)}</p><div class='sides'>"
        f"<section><h2>What changed</h2>{_changed(health, draw)}</section>"
        f"<section><h2>Does it hurt?</h2>{_hurts(health, draw)}</section></div>"
        f"<h2>What to do</h2><ol><li>{words(first)}</li>{more}</ol>"
        f"{_evidence(health)}{absent}</main>"
    )


def _answer(finding: Finding) -> str:
    return (
        f"<div class='answer' style='background:{_COLOURS[finding.mark]}'>"
        f"<div class='question'>{html.escape(finding.subject)}</div>"
        f"<div class='word'>{_sign(finding)} {html.escape(str(finding.value))}</div>"
        f"<div class='why'>{html.escape(finding.message)}</div></div>"
    )


def _sign(finding: Finding) -> str:
    return _SIGNS.get(str(finding.value), "")


def _changed(health: Health, draw: Callable[[Picture], str]) -> str:
    """Return what moved in the last window, and how far the columns were in all of them."""
    if not health.windows:
        return "<p>No window holds enough rows to compare.</p>"
    found = changed(health)
    told = _table((f.subject, f.message) for f in found[:_LINES]) or f"<p>{NOTHING}</p>"
    more = f"<p>and {len(found) - _LINES} more</p>" if len(found) > _LINES else ""
    far = {f.subject: 0.0 for w in health.windows for f in w.drift if f.code == "drift"}
    for f in (f for w in health.windows for f in w.drift if f.code == "drift"):
        far[f.subject] = max(far[f.subject], f.value or 0.0)
    kept = set(sorted(far, key=lambda name: -far[name])[:_LINES])
    reports = [Report("drift", tuple(f for f in w.drift if f.subject in kept)) for w in health.windows]
    picture = plot_drift(reports, [w.start for w in health.windows])
    words = (
        "How far each column is from the rows the model learned from. Chance alone lifts some above the "
        "limit; a cross is above it by more than chance explains: that column moved."
    )
    return told + more + _figure(draw(picture), words)


def _hurts(health: Health, draw: Callable[[Picture], str]) -> str:
    """Return the loss of each window beside what was promised."""
    told = "".join(f"<p>{html.escape(line[:1].upper() + line[1:])}.</p>" for line in hurts(health))
    known = [
        (w.start, f) for w, f in measured(health.windows, "loss") if f.interval and f.details["promised"]
    ]
    if not known:
        return told
    findings = [f for _, f in known]
    picture = plot_performance(
        [start for start, _ in known],
        [f.value for f in findings],
        [f.details["promised"] for f in findings],
        [f.interval[0] for f in findings if f.interval],
        [f.interval[1] for f in findings if f.interval],
        metric=findings[-1].message.partition(" ")[0] + " loss"
        if "log" in findings[-1].message
        else "squared error",
    )
    words = "The loss on labelled rows with its 95 % interval, beside what the model promised of itself."
    return told + _figure(draw(picture), words)


def _evidence(health: Health) -> str:
    first, *rest = health.diagnosis
    if not rest:
        return ""
    rows = _table((f.code.replace("_", " "), f.message) for f in rest)
    return f"<h2>Why we think so</h2><p>{html.escape(first.message)}</p>{rows}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"<tr><td><b>{html.escape(a)}</b></td><td>{html.escape(b)}</td></tr>" for a, b in rows]
    return f"<table>{''.join(lines)}</table>" if lines else ""


def _figure(drawing: str, words: str) -> str:
    return f"<figure>{drawing}<figcaption>{html.escape(words)}</figcaption></figure>"
