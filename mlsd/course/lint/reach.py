"""What code reaches for: a network, a place on one machine, chance without a seed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from mlsd.course.lint.code import Broken, dotted, imported, resolved
from mlsd.course.lint.draft import Draft

PLACES = "home tmp usr etc var opt root mnt srv dev proc work content Users Volumes".split()
PATH = re.compile(rf"(?<![\w.:/<~])/(?:{'|'.join(PLACES)})/\w|(?<!\w)[A-Za-z]:\\\\?\w")
_ADDRESS = re.compile(r"\b(?:https?|ftp|wss?)://(?!127\.0\.0\.1|localhost)")
_LOCAL = re.compile(r"(?:(?:http|ws)s?://)?(?:127\.0\.0\.1|localhost)?(?:[:/].*|$)")
_CLIENTS = ("requests", "urllib.request", "httpx", "socket", "http.client", "aiohttp", "ftplib")
_OPENS = re.compile(r"(^|\.)(open|Path|PurePath|read_\w+|to_(csv|parquet|json|pickle))$")
_HOME = re.compile(r"(^|\.)(expanduser|home)$")
_SEEDED = """train_test_split ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit RandomForestClassifier
    RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor GradientBoostingClassifier
    GradientBoostingRegressor HistGradientBoostingClassifier HistGradientBoostingRegressor SGDClassifier
    SGDRegressor MLPClassifier MLPRegressor KMeans MiniBatchKMeans GaussianMixture IsolationForest
    permutation_importance RandomizedSearchCV resample make_classification make_regression make_blobs
    make_moons""".split()  # scikit-learn's names that draw at random
_SHUFFLED = ("KFold", "StratifiedKFold", "StratifiedGroupKFold")  # draw at random with shuffle=True
_ELSEWHERE = ("os.urandom", "uuid.uuid1", "uuid.uuid4", "secrets.")
_GENERATORS = "default_rng Generator SeedSequence PCG64 BitGenerator RandomState Philox".split()
_SEEDS = ("random_state", "rng", "seed")


def network_or_path(draft: Draft) -> Iterator[Broken]:
    """Everything works offline and on any machine."""
    for where, node, names in _nodes(draft):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _ADDRESS.search(node.value):
                yield (
                    where,
                    f"names the address {node.value[:60]!r}: labs work offline; serve it on 127.0.0.1",
                )
            elif node.value == "~" or node.value.startswith("~/") or PATH.match(node.value):
                yield where, f"names the place {node.value[:60]!r}, which other machines do not have"
        elif isinstance(node, ast.Call):
            called, first = resolved(node.func, names), _text(node)
            if (
                called.startswith(_CLIENTS)
                and first
                and not _ADDRESS.search(first)
                and not _LOCAL.match(first)
            ):
                yield where, f"{called} reaches for {first!r}: labs work offline; serve it on 127.0.0.1"
            elif _OPENS.search(called) and first.startswith("/") and not PATH.match(first):
                yield where, f"names the place {first[:60]!r}, which other machines do not have"
            elif _HOME.search(called) and called.startswith(("os.path", "pathlib", "?", "Path")):
                yield where, f"{called} leads to the student's home: work in the lab's own folder"


def unseeded(draft: Draft) -> Iterator[Broken]:
    """Everything drawn at random has a seed."""
    for where, node, names in _nodes(draft):
        if isinstance(node, ast.Call):
            problem = _chance(resolved(node.func, names), node)
            if problem:
                yield where, problem


def _chance(called: str, node: ast.Call) -> str:
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    module, _, last = called.rpartition(".")
    no_seed = not node.args and not given.keys() & {"seed", "entropy", "random_state"}
    told_none = any(_is_none(given[seed]) for seed in _SEEDS if seed in given)
    none = told_none or any(map(_is_none, node.args[:1]))
    if module == "numpy.random":
        if last not in _GENERATORS:
            return f"{called} draws from a hidden state: use a generator, np.random.default_rng(seed)"
        return f"{called} has no seed" if last != "Generator" and (no_seed or none) else ""
    if module == "random":
        return "" if last == "Random" and not no_seed and not none else f"{called} has no seed"
    if called.startswith(_ELSEWHERE):
        return f"{called} gives something else each time"
    seeded = bool(given.keys() & {*_SEEDS, None})  # None: **options
    if told_none:
        return f"{called} is told that its seed is None"
    shuffles = last in _SHUFFLED and "shuffle" in given
    asks = last in _SEEDED or shuffles or (last == "sample" and module not in ("rng", "random"))
    return f"{called} has no random_state" if asks and not seeded and not _passes_rng(node) else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _passes_rng(node: ast.Call) -> bool:
    return any(dotted(arg).rpartition(".")[2] in _SEEDS for arg in node.args)


def _text(node: ast.Call) -> str:
    """Return the text that a call is given first, also inside a pair: `(("host", 80))`."""
    first = (
        node.args[0]
        if node.args
        else next((k.value for k in node.keywords if k.arg in ("url", "address")), None)
    )
    if isinstance(first, ast.Tuple) and first.elts:
        first = first.elts[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _nodes(draft: Draft) -> Iterator[tuple[str, ast.AST, Mapping[str, str]]]:
    names = {name: meaning for code in draft.all_code for name, meaning in imported(code.tree).items()}
    for code in draft.all_code:
        for node in ast.walk(code.tree):
            yield code.where, node, names
