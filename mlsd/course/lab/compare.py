"""What a hand did to a notebook: cells that are gone, doubled, split, joined or moved, against the edition."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from mlsd.course.lab.notebook import Found
from mlsd.report import Finding

_NAMED = 3  # cells named in a sentence


def compare(kept: Sequence[Found], made: Sequence[Found]) -> tuple[Finding, ...]:
    """Return a warning for each way in which the code cells of an edition are not where they were.

    What a student writes into a cell, and cells of their own, are no damage; neither is prose.

    Args:
        kept: the cells of the student's notebook.
        made: the cells of the edition.

    >>> a, b = Found(1, "a", "code", "x = 1"), Found(2, "b", "code", "y = 2")
    >>> compare([b], [a, b])
    (Finding(warning deleted: 1 cell of the lab is gone: x = 1),)
    """
    code = [cell for cell in made if cell.kind == "code" and cell.lines]
    pairs = paired(kept, code)
    taken = {cell.k for cell in pairs.values()}
    split = {cell.k: run for cell in code if (run := _run(cell, kept, taken, pairs.get(cell.k)))}
    parts = {part.k for run in split.values() for part in run}
    lost = [cell for cell in code if cell.k not in pairs and cell.k not in split]
    joined = [cell for cell in lost if any(_holds(other, cell) for other in kept)]
    gone = [cell for cell in lost if cell not in joined]
    text = [pairs[cell.k] for cell in code if cell.k in pairs and pairs[cell.k].kind != "code"]
    twice = [c for c in kept if c.k not in taken | parts and any(_copies(c, other) for other in code)]
    moved = _moved([pairs[cell.k] for cell in code if cell.k in pairs])
    first = [run[0] for run in split.values()]
    return tuple(
        Finding(name, "", False, message=message, severity="warning", count=count)
        for name, message, count in (
            ("deleted", _said(gone, "of the lab {is} gone", position=False), len(gone)),
            ("joined", _said(joined, "of the lab {is} now part of another", position=False), len(joined)),
            ("split", _said(first, "{is} the first part of a split one"), len(first)),
            ("no code", _said(text, "{is} no longer code and {do} not run"), len(text)),
            ("duplicated", _said(twice, "{is} there a second time"), len(twice)),
            ("moved", _said(moved, "{is} not in {its} place"), len(moved)),
        )
        if count
    )


def paired(kept: Sequence[Found], made: Sequence[Found]) -> dict[int, Found]:
    """Return for each cell of an edition, by its position, the student's cell that it became.

    The same lines decide, and the id between equals; then, for a stub, the mark it carries; then the id,
    which last week's edition may have given to another cell.
    """
    pairs: dict[int, Found] = {}
    taken: set[int] = set()
    marks = (
        lambda cell: "\n".join([cell.id, *cell.lines]),
        lambda cell: "\n".join(cell.lines),
        lambda cell: cell.exercise,
        lambda cell: cell.id,
    )
    for mark in marks:
        free: dict[str, list[Found]] = {}
        for cell in kept:
            if cell.k not in taken and mark(cell):
                free.setdefault(mark(cell), []).append(cell)
        for cell in made:
            if cell.k not in pairs and free.get(mark(cell)):
                pairs[cell.k] = free[mark(cell)].pop(0)
                taken.add(pairs[cell.k].k)
    return pairs


def _run(cell: Found, kept: Sequence[Found], taken: Iterable[int], own: Found | None) -> list[Found]:
    """The two or more neighbours whose lines together are those of a cell."""
    others = set(taken) - ({own.k} if own else set())
    for start in range(len(kept)):
        left, run = cell.lines, list[Found]()
        for part in kept[start:]:
            if part.k in others or not part.lines or left[: len(part.lines)] != part.lines:
                break
            left, run = left[len(part.lines) :], [*run, part]
        if len(run) > 1 and not left:
            return run
    return []


def _holds(other: Found, cell: Found) -> bool:
    n = len(cell.lines)
    lines = other.lines
    return len(lines) > n and any(lines[k : k + n] == cell.lines for k in range(len(lines) - n + 1))


def _copies(cell: Found, other: Found) -> bool:
    """A stub carries its mark along when it is copied; another cell is known by its lines."""
    return cell.lines == other.lines or bool(other.exercise and cell.exercise == other.exercise)


def _moved(cells: Sequence[Found]) -> list[Found]:
    """The fewest cells that must be put elsewhere: all but a longest rising row of positions."""
    tails: list[int] = []  # smallest end of a rising row of each length
    lengths = []
    for cell in cells:
        length = bisect_left(tails, cell.k)
        tails[length : length + 1] = [cell.k]
        lengths.append(length)
    left, stay = len(tails) - 1, set[int]()
    for cell, length in zip(reversed(cells), reversed(lengths), strict=True):
        if length == left and (not stay or cell.k < min(stay)):
            stay.add(cell.k)
            left -= 1
    return [cell for cell in cells if cell.k not in stay]


def _said(cells: Sequence[Found], what: str, position: bool = True) -> str:
    names = [cell.name if position else cell.name.split("(", 1)[1][:-1] for cell in cells[:_NAMED]]
    more = f" and {len(cells) - _NAMED} more" if len(cells) > _NAMED else ""
    one = len(cells) == 1
    verbs = {"is": "is", "do": "does", "its": "its"} if one else {"is": "are", "do": "do", "its": "their"}
    return f"{len(cells)} cell{'' if one else 's'} {what.format(**verbs)}: {', '.join(names)}{more}"
