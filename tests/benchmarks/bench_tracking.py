"""What a logged point costs in three places, beside a line of JSON appended to a file and flushed.

    python tests/benchmarks/bench_tracking.py            # a minute
    python tests/benchmarks/bench_tracking.py --quick

All ways log in turns within one process, so that all see the same machine: the ratio counts, with its least
and greatest over the turns. CPU is that of this process; it hardly depends on what else the machine does.
A flushed line survives a killed process, as a point does when the call of a tracker returns. The slow ways
log fewer points; the cost of a point is what is compared.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from mlsd.tracking import LocalTracker, MLflowTracker, WandbTracker

FLOOR = "append a line of JSON, flush"
FEWER = {"local": 1, "W&B offline": 5, "MLflow, SQLite": 50}


def appended(path: Path, n: int) -> None:
    """The floor: n lines, each flushed."""
    with open(path, "a", buffering=1) as file:
        for step in range(n):
            file.write(json.dumps({"name": "loss", "step": step, "value": step / 7}) + "\n")


def one_by_one(run, n: int) -> None:
    """n points, one a call."""
    for step in range(n):
        run.log_metrics({"loss": step / 7}, step=step)


def at_once(run, n: int) -> None:
    """n points in one call."""
    run.log_metrics({"loss": [step / 7 for step in range(n)]}, step=0)


def cost(work: Callable[..., None], thing, n: int) -> tuple[float, float]:
    """Wall and CPU seconds of a point."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(thing, n)
    return (time.perf_counter() - wall) / n, (time.process_time() - cpu) / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points and turns")
    quick = parser.parse_args().quick
    n, turns = (2_000, 3) if quick else (10_000, 5)
    spent: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        trackers = {
            "local": LocalTracker(folder / "local"),
            "W&B offline": WandbTracker(folder / "wandb"),
            "MLflow, SQLite": MLflowTracker(f"sqlite:///{folder}/mlflow.db"),
        }
        runs = {name: stack.enter_context(tracker.run("bench")) for name, tracker in trackers.items()}
        for _ in range(turns):
            spent.setdefault(FLOOR, []).append(cost(appended, folder / "points.jsonl", n))
            for name, run in runs.items():
                few = n // FEWER[name]
                spent.setdefault(f"{name}, a point a call", []).append(cost(one_by_one, run, few))
                spent.setdefault(f"{name}, a curve a call", []).append(cost(at_once, run, max(few, 1_000)))
    print(
        f"{turns} turns\n\n| way | a point | 10,000 points | times the file | min | max | CPU | min | max |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for way, costs in spent.items():
        print(f"| {way} | {row(costs, spent[FLOOR])} |")


def row(costs: list[tuple[float, float]], floors: list[tuple[float, float]]) -> str:
    """The cells of one way: its median, and its ratio to the floor in wall and CPU time."""
    point = statistics.median(wall for wall, _ in costs)
    cells = [f"{point * 1e6:,.1f} us", f"{point * 1e4:,.2f} s"]
    for clock in (0, 1):
        ratios = sorted(a[clock] / b[clock] for a, b in zip(costs, floors, strict=True))
        cells += [f"{ratio:,.1f}" for ratio in (statistics.median(ratios), ratios[0], ratios[-1])]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
