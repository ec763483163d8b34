"""What every page of ours shares: its colours by day and by night, and the file around it."""

from __future__ import annotations

import html


def palette(where: str) -> str:
    """Return the CSS that gives an element its colours in light and dark, and shows the fitting picture.

    >>> palette("body").count("--ink")
    2
    """
    return f"""
{where} {{ color-scheme: light dark; --ink: #1b1f24; --paper: #fdfdfb; --soft: #5b6470; --line: #d9dce0;
  --good: #1e7b34; --bad: #c0392b; }}
{where} .dark {{ display: none; }}
@media screen and (prefers-color-scheme: dark) {{
  {where} {{ --ink: #e8eaed; --paper: #16191d; --soft: #a2abb5; --line: #363c44; --good: #6fcf87; --bad: #ff8a7a; }}
  {where} .light {{ display: none; }} {where} .dark {{ display: block; }}
}}
"""


def document(title: str, style: str, body: str) -> str:
    """Return a whole HTML file that needs nothing from elsewhere."""
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width, initial-scale=1'><style>{style}</style></head>"
        f"<body>{body}</body></html>\n"
    )
