"""Drift reports side by side: time, memory, false alarms and power of mlsd and its peers on the same data.

    python tests/benchmarks/bench_drift_peers.py                                # mlsd and scipy
    python tests/benchmarks/bench_drift_peers.py --env evidently=PYTHON --env nannyml=PYTHON ...
    python tests/benchmarks/bench_drift_peers.py --only time --quick

Most peers do not install beside numpy 2 and pandas 3, so each runs in an environment of its own: PYTHON is
that environment's interpreter. What each needed on Python 3.11 (all: pyarrow, to read the files):

    frouros: frouros pandas           evidently: evidently "pandas<3"       nannyml: nannyml statsmodels
    alibi-detect: alibi-detect "pyarrow<20"
    whylogs: "whylogs[viz]" setuptools "numpy<2" "pandas<3" scipy "pyarrow<20"

Every peer reads the same Parquet files and is called as its documentation does, with its defaults; only
which columns are categories is said where it asks. Timed is the way from two frames to the flagged
columns, in CPU seconds; reading is not. Peers take turns; ratios are taken within a turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_drift import make
from bench_drift_errors import draw

RUNNER = Path(__file__).parent / "peers" / "drift_reports.py"
PEERS = ("mlsd", "scipy", "frouros", "nannyml", "whylogs", "alibi-detect", "evidently")
HERE = ("mlsd", "scipy")  # these run in this environment unless another is named
QUIET = {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1",
         "WHYLOGS_NO_ANALYTICS": "True"}  # fmt: skip
ROWS = 2_000  # of a report's reference and of its window, where alarms are counted
REPORTS = 200

Answer = Any  # (flagged columns of each way, CPU seconds) and, when memory is watched, the MB added


class Peer:
    """A peer's process: answers questions about reports until it is ended."""

    def __init__(self, name: str, python: str, folder: Path) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        with self.log.open("w") as errors:
            self.process = subprocess.Popen(
                [python, str(RUNNER), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, env=os.environ | QUIET,
            )  # fmt: skip
        self.versions: dict[str, str] = self._line()

    def ask(self, folder: Path, rows: int, reports: list[int], memory: bool = False) -> list[Answer]:
        question = {"folder": str(folder), "rows": rows, "reports": reports, "memory": memory}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            told = self.log.read_text().strip().splitlines() or ["it said nothing"]
            raise SystemExit(f"{self.name} ended without an answer: {told[-1]}")
        return json.loads(line)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


# the data


def few_levels(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return n rows of 15 floats and 5 text columns of 5 levels."""
    columns = {f"f{i:02}": rng.normal(size=n) for i in range(15)}
    return pd.DataFrame(columns | {f"c{i:02}": levels(rng, n, 0.2) for i in range(5)})


def levels(rng: np.random.Generator, n: int, first: float) -> np.ndarray:
    """Return n names out of five; the first has a share of its own."""
    return rng.choice([f"level {i}" for i in range(5)], n, p=[first, *[(1 - first) / 4] * 4]).astype(object)


LAWS = {  # the unchanged columns
    "15 floats, 5 texts of 5 levels": few_levels,
    "15 floats, 5 texts of 5 to 1,000 levels": make,
    "20 of many kinds: ties, tails, booleans, 30 % missing": draw,
}

Column = pd.Series
Change = Callable[[np.random.Generator, Column, Column], tuple[Any, Any]]
CHANGES: dict[str, tuple[str, Change]] = {  # case: the column that changes, (reference, window) -> both
    "mean +.1 sd": ("f00", lambda r, a, b: (a, b + 0.1)),
    "mean +.2 sd": ("f05", lambda r, a, b: (a, b + 0.2)),
    "variance x1.2": ("f10", lambda r, a, b: (a, b * 1.2**0.5)),
    "1 of 5 levels 10 -> 12 %": ("c00", lambda r, a, b: (levels(r, len(a), 0.10), levels(r, len(b), 0.12))),
    "new level 1 %": ("c01", lambda r, a, b: (a, b.mask(r.random(len(b)) < 0.01, "new"))),
    "missing 1 -> 3 %": (
        "f14", lambda r, a, b: (a.mask(r.random(len(a)) < 0.01), b.mask(r.random(len(b)) < 0.03)),
    ),
}  # fmt: skip


def write(folder: Path, law: Callable, rows: int, cases: list[str], seed: int) -> Path:
    """Write a reference and a window that differ in the columns of the cases, and in nothing else."""
    rng = np.random.default_rng([seed, rows])
    reference, current = law(rng, rows), law(rng, rows)
    for case in cases:
        name, change = CHANGES[case]
        reference[name], current[name] = change(rng, reference[name], current[name])
    folder.mkdir()
    for side, frame in (("reference", reference), ("current", current)):
        texts = [name for name in frame if frame[name].dtype.kind not in "biuf"]
        frame.astype(dict.fromkeys(texts, "str")).to_parquet(folder / f"{side}.parquet")
    return folder


# the questions


def time_table(peers: list[Peer], folder: Path, sizes: list[int]) -> None:
    """Print seconds, memory and flags of one report with six changed columns, at each size."""
    print("\nOne report from two frames of 20 columns, CPU seconds.\n")
    print("| rows | peer | s, median (min-max) | mlsd is faster, times (min-max) | n | MB added |")
    print("|---|---|---|---|---|---|", flush=True)
    flags: dict[tuple[str, int], list[str]] = {}
    for rows in sizes:
        data = write(folder / f"time{rows}", make, rows, list(CHANGES), 1)
        turns = taken(peers, data, rows)
        for peer in peers:
            spent = [answer[1] for answer in turns[peer.name]]
            ratios = [s / own[1] for s, own in zip(spent, turns["mlsd"], strict=False)]
            grown = max(answer[2] for answer in turns[peer.name])
            print(f"| {rows:,} | {peer.name} | {spread(spent, '.3f')} | {spread(ratios, '.1f')} | {len(spent)} "
                  f"| {grown:,.0f} |", flush=True)  # fmt: skip
            flags |= {(way, rows): named for way, named in turns[peer.name][0][0].items()}
    flag_table(flags, sizes)


def taken(peers: list[Peer], data: Path, rows: int) -> dict[str, list[Answer]]:
    """Return each peer's answers; the peers take turns, slow ones fewer."""
    turns: dict[str, list[Answer]] = {peer.name: [] for peer in peers}
    for turn in range(5):
        for peer in peers:
            spent = turns[peer.name][0][1] if turn else 0.0
            if turn < (5 if spent < 2 else 3 if spent < 15 else 1):
                turns[peer.name] += peer.ask(data, rows, [0], memory=True)
                say(f"{rows:,} rows, turn {turn + 1}, {peer.name}: {turns[peer.name][-1][1]:.2f} s")
    return turns


def flag_table(flags: dict[tuple[str, int], list[str]], sizes: list[int]) -> None:
    changed = {name: case for case, (name, _) in CHANGES.items()}
    print(f"\nWhat these reports flag: {len(changed)} columns changed, {20 - len(changed)} did not.\n")
    print("| way | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " |")
    print("|---" * (1 + len(sizes)) + "|")
    for way in dict.fromkeys(way for way, _ in flags):
        cells = []
        for rows in sizes:
            named = flags[way, rows]
            missed = [case for name, case in changed.items() if name not in named]
            wrong = sum(name not in changed for name in named)
            told = f"{len(changed) - len(missed)} found, {wrong} wrong"
            cells.append(told + (f"; missed {', '.join(missed)}" if missed else ""))
        print(f"| {way} | " + " | ".join(cells) + " |", flush=True)


def reports_of(peer: Peer, data: Path, seconds: float, wanted: int) -> dict[str, list[list[str]]]:
    """Return each way's flags, report by report, until enough are made or the CPU seconds are spent."""
    told: dict[str, list[list[str]]] = {}
    start, spent = 0, 0.0
    while start < wanted and spent < seconds:
        batch = list(range(start, min(start + 5, wanted)))
        for flags, cpu in peer.ask(data, ROWS, batch):
            spent += cpu
            for way, names in flags.items():
                told.setdefault(way, []).append(names)
        start += len(batch)
    say(f"{data.name}, {peer.name}: {start} reports, {spent:.0f} s")
    return told


def alarm_table(peers: list[Peer], folder: Path, seconds: float, wanted: int) -> None:
    """Print how many reports on unchanged data flag at least one column."""
    print(f"\nUnchanged, independent rows, {ROWS:,} against {ROWS:,}: reports that flag a column.\n")
    print("| 20 columns | way | alarms | columns a report | most often, share of reports |")
    print("|---|---|---|---|---|", flush=True)
    for place, (title, law) in enumerate(LAWS.items()):
        data = write(folder / f"unchanged{place}", law, wanted * ROWS, [], 10 + place)
        for peer in peers:
            for way, told in reports_of(peer, data, seconds, wanted).items():
                names = Counter(name for flags in told for name in flags)
                often = ", ".join(f"{name} {count / len(told):.1%}" for name, count in names.most_common(3))
                mean = sum(names.values()) / len(told)
                print(f"| {title} | {way} | {share(map(bool, told))} | {mean:.2f} | {often} |", flush=True)


def power_table(peers: list[Peer], folder: Path, seconds: float, wanted: int) -> None:
    """Print how often the one changed column of a report is named, beside the false alarms."""
    print(
        f"\n{ROWS:,} rows against {ROWS:,}, {next(iter(LAWS))}, one column changed: how often it is named.\n"
    )
    found: dict[str, list[str]] = {}
    for place, case in enumerate((None, *CHANGES)):
        data = write(folder / f"power{place}", few_levels, wanted * ROWS, [case] if case else [], 3 + place)
        for peer in peers:
            for way, told in reports_of(peer, data, seconds / (1 + len(CHANGES)), wanted).items():
                hits = [bool(flags) if case is None else CHANGES[case][0] in flags for flags in told]
                found.setdefault(way, []).append(share(hits))
                say(f"{case}, {way}: {share(hits)}")
    print("| way | unchanged: any column | " + " | ".join(CHANGES) + " |")
    print("|---" * (2 + len(CHANGES)) + "|")
    for way, cells in found.items():
        print(f"| {way} | " + " | ".join(cells) + " |", flush=True)


def share(hits: Iterable[bool]) -> str:
    """Return a share and its standard error; (x + 1) / (n + 2) in the error, or 0 of n would seem certain."""
    each = list(hits)
    near = (sum(each) + 1) / (len(each) + 2)
    return f"{np.mean(each):.1%} ± {np.sqrt(near * (1 - near) / len(each)):.1%} (n {len(each)})"


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def environments(named: list[str], parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return peer -> interpreter."""
    found = dict.fromkeys(HERE, sys.executable)
    for text in named:
        name, _, python = text.partition("=")
        if name not in PEERS or not Path(python).is_file():
            parser.error(f"--env {text}: expected NAME=PYTHON, NAME one of {', '.join(PEERS)}, PYTHON a file")
        found[name] = python
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--only", choices=("time", "unchanged", "power"))
    parser.add_argument("--rows", type=int, action="append", help="sizes of the timed reports")
    parser.add_argument("--seconds", type=float, default=300, help="of CPU, for a peer's reports on one law")
    parser.add_argument("--quick", action="store_true", help="10,000 rows, 20 reports")
    asked = parser.parse_args()
    pythons = environments(asked.env, parser)
    sizes = asked.rows or ([10_000] if asked.quick else [10_000, 100_000, 1_000_000])
    wanted = 20 if asked.quick else REPORTS
    peers: list[Peer] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            for name in PEERS:
                if name in pythons:
                    peers.append(Peer(name, pythons[name], folder))
            environment_table(peers)
            warm = write(folder / "warm", make, ROWS, [], 0)
            for peer in peers:
                peer.ask(warm, ROWS, [0])
            if asked.only in (None, "time"):
                time_table(peers, folder, sizes)
            if asked.only in (None, "unchanged"):
                alarm_table(peers, folder, asked.seconds, wanted)
            if asked.only in (None, "power"):
                power_table(peers, folder, asked.seconds, wanted)
        finally:
            for peer in peers:
                peer.end()


def environment_table(peers: list[Peer]) -> None:
    versions = {peer.name: ", ".join(f"{name} {v}" for name, v in peer.versions.items()) for peer in peers}
    print("| peer | environment |\n|---|---|")
    for name in PEERS:
        print(f"| {name} | {versions.get(name, 'not installed: name one with --env')} |", flush=True)


if __name__ == "__main__":
    main()
