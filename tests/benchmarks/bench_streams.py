"""How fast do worlds stream, and does the memory grow with the rows?

    python tests/benchmarks/bench_streams.py                  # 10^6 and 10^7 posts, all parcel volumes there are
    python tests/benchmarks/bench_streams.py --rows 100000000 # and 10^8 posts: about 5 minutes

Each stream runs in a process of its own. Added memory: highest resident size less that after 50,000 rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

POSTS = (
    "make_spam_posts({rows}, faults=[Fault('stuck', 'n_words')], drifts=[Drift('concept', shape='gradual')])"
)
PARCELS = "make_parcel_volumes({rows} // 12, depots=12)"


def stream(recipe: str) -> None:
    """Stream a world and print rows, seconds and megabytes as JSON."""
    import resource

    from mlsd.datasets import Drift, Fault, make_parcel_volumes, make_spam_posts

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            2**20 if sys.platform == "darwin" else 2**10
        )

    names = {"Drift": Drift, "Fault": Fault}
    makers = {"make_parcel_volumes": make_parcel_volumes, "make_spam_posts": make_spam_posts}
    world, seen, early = eval(recipe, names | makers), 0, 0.0
    start = time.perf_counter()
    for batch in world.stream(10_000):
        seen += len(batch)
        early = peak() if seen == 50_000 else early
    print(json.dumps([seen, time.perf_counter() - start, early, peak()]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, action="append", help="of a third stream of posts")
    parser.add_argument("--recipe", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.recipe:
        return stream(arguments.recipe)
    recipes = [POSTS.format(rows=rows) for rows in (10**6, 10**7, *(arguments.rows or ()))]
    for recipe in [*recipes, PARCELS.format(rows=438_000)]:
        command = [sys.executable, __file__, "--recipe", recipe]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        seen, seconds, early, late = json.loads(answer.stdout)
        name = recipe.partition("(")[0]
        print(
            f"{name}: {seen:,} rows, {seen / seconds:,.0f} rows/s, peak {late:.0f} MB, {late - early:.1f} MB added"
        )


if __name__ == "__main__":
    main()
