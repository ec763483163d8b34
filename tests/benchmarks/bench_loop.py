"""Does every promise of the demo hold, whatever the month? The loop without HTTP, many months a kind.

python tests/benchmarks/bench_loop.py [--states 100] [--first 0] [--kinds concept data target none] [--jobs 2]
"""

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from mlsd.platform.loop import NAME, Loop
from mlsd.platform.plan import KINDS, Plan
from mlsd.platform.promises import keep_promises, regained
from mlsd.platform.scoring import LocalScorer
from mlsd.platform.workspace import Workspace


def one(kind: str, state: int) -> dict:
    """Run one month; return what matters of it."""
    plan = Plan(drift=kind, random_state=state)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "w")
        outcome = Loop(plan.world(), workspace, lambda w: LocalScorer(w, NAME, "post_id"), plan).run()
        report = keep_promises(outcome, workspace.log, over_http=False)
        won = regained(outcome)
    return {
        "kind": kind,
        "state": state,
        "broken": [f"{f.code}: {f.message}" for f in report.failures],
        "alerted": str(outcome.alerts[0][0]) if outcome.alerts else "",
        "regained": won.share if won else None,
        "rows": outcome.retrained_on,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--states", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    states = range(asked.first, asked.first + asked.states)
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        for kind in asked.kinds:
            found = list(pool.map(one, [kind] * len(states), states))
            broken = [f for f in found if f["broken"]]
            shares = [f["regained"] for f in found if f["regained"] is not None]
            rows = [f["rows"] for f in found if f["rows"]]
            line = f"{kind:<8} {len(found) - len(broken)} of {len(found)} months keep every promise"
            if shares:
                line += f"; regained {min(shares):.1%} to {max(shares):.1%} on {min(rows):,} to {max(rows):,} rows"
            print(line, flush=True)
            for f in broken:
                print(f"  random state {f['state']}: {'; '.join(f['broken'])}", flush=True)


if __name__ == "__main__":
    main()
