"""The house holds: every file of `mlsd` stands on a floor and takes only from the floors below it.

The rules are read from the code itself, so this file is a small reader of imports. It works on any
folder, which is how the reader is tested too: the second half builds crooked houses and looks whether
each fault is found.
"""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOMS = (
    "datasets data training tracking registry serving deployment pipeline monitoring responsible"
).split()
FLOORS = {
    **dict.fromkeys("plain report digest store stats metrics alt_text mlflow_client meters usage".split(), 0),
    **dict.fromkeys("schema schema_json column cells rule inference encoding checks".split(), 1),
    **dict.fromkeys("contract judging checks_beside schema_diff schema_look schema_pandera".split(), 1),
    **dict.fromkeys("profile column_profile counting target".split(), 1),
    **dict.fromkeys("package manifest model_file baseline run prediction_log log_entry".split(), 2),
    **dict.fromkeys(ROOMS, 3),
    **dict.fromkeys(["plot", "platform"], 4),
    **dict.fromkeys(["course", "serve_command", "monitor_command"], 5),
    **dict.fromkeys(["cli", "__main__"], 6),
}
DOOR = "__init__"  # mlsd/__init__.py re-exports the nouns, so it may name every floor and none may name it
PRIVATE_DOOR = {"__version__"}  # the one name that is at home in mlsd/__init__.py
MODULE = re.compile(r"mlsd(\.\w+)+")


@dataclass(frozen=True)
class Import:
    """One file needs another: `target` is a dotted name such as mlsd.schema, `names` what it takes."""

    file: str
    line: int
    target: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line} -> {self.target}"


# ---- reading --------------------------------------------------------------------------------------


def modules_of(root: Path) -> dict[str, Path]:
    """Dotted name -> file, for every Python file under `root` (the folder `mlsd`)."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found[".".join(("mlsd", *parts))] = path
    return found


def imports_of(root: Path) -> list[Import]:
    """Everything a file takes from `mlsd`: plain imports, those for the type checker, those inside a
    function, `import_module("...")`, and other Python processes that are given a module to run.
    """
    modules = modules_of(root)
    found = []
    for name, path in modules.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for line, target, names in _needs(tree, package):
            for module, taken in _resolve(target, names, modules):
                found.append(Import(path.relative_to(root).as_posix(), line, module, taken))
    return found


def _needs(tree: ast.AST, package: str):
    """Yield (line, target, names) for each thing in `tree` that leads to a module of `mlsd`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, target, tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.List | ast.Tuple):
            yield from _command(node, package)
        elif isinstance(node, ast.Call):
            given = [*(node.args if _starts_process(node) else ()), *_values(node, "command")]
            if "mlsd" in (next(_texts(getattr(item, "elts", [])), "") for item in given):
                yield (
                    node.lineno,
                    "mlsd.cli",
                    (),
                )  # run(["mlsd", "demo"]), or a replica's command=["mlsd", ...]
            for text in _texts([*node.args, *(keyword.value for keyword in node.keywords)]):
                if MODULE.match(text) and MODULE.fullmatch(text.partition(":")[0]):
                    yield (
                        node.lineno,
                        text.partition(":")[0],
                        (),
                    )  # import_module("mlsd.x"), run("mlsd.x:app")
                elif text.startswith(".") and text[1:].isidentifier() and _called(node) == "import_module":
                    yield node.lineno, package + text, ()
                for module in re.findall(r"-m\s+(mlsd[\w.]*)", text) if _starts_process(node) else ():
                    yield node.lineno, module if "." in module else "mlsd.__main__", ()


def _command(node: ast.List | ast.Tuple, package: str):
    """Lists such as [python, "-m", "mlsd.serving.app"] and [python, "-c", "import mlsd.x"]."""
    items = list(_texts(node.elts, keep_place=True))
    for before, item in zip(["", *items], items, strict=False):
        name = item.partition(":")[0]
        if before == "-c":
            try:
                yield from ((node.lineno, *need[1:]) for need in _needs(ast.parse(item), package))
            except SyntaxError:  # an f-string with a hole in it: read what can be read
                yield from ((node.lineno, module, ()) for module in re.findall(r"import (mlsd[\w.]*)", item))
        elif name == "mlsd" and before == "-m":
            yield node.lineno, "mlsd.__main__", ()
        elif MODULE.fullmatch(name):
            yield node.lineno, name, ()


def _texts(nodes, keep_place: bool = False):
    """The text constants among `nodes`; of an f-string, its constant parts."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        elif keep_place:
            yield ""


def _values(node: ast.Call, name: str) -> list[ast.expr]:
    return [keyword.value for keyword in node.keywords if keyword.arg == name]


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _starts_process(node: ast.Call) -> bool:
    return _called(node) in {"run", "Popen", "call", "check_call", "check_output", "system"}


def _resolve(target: str, names: tuple[str, ...], modules: dict[str, Path]):
    """`from mlsd import schema` needs mlsd.schema; `from mlsd import Report` needs mlsd's own door."""
    if target != "mlsd" and not target.startswith("mlsd."):
        return
    inner = [name for name in names if f"{target}.{name}" in modules]
    yield from ((f"{target}.{name}", ()) for name in inner)
    if len(inner) < len(names) or not names:
        yield target, tuple(name for name in names if name not in inner)


# ---- judging --------------------------------------------------------------------------------------


def home(file: str) -> str:
    """The room or file at the top of the house: serving/app.py -> serving, schema.py -> schema."""
    return file.partition("/")[0].removesuffix(".py")


def faults(root: Path) -> list[str]:
    """Every way in which the tree under `root` breaks the rules of the house, one sentence each."""
    modules = modules_of(root)
    found = []
    for path in modules.values():
        file = path.relative_to(root).as_posix()
        if home(file) not in FLOORS and home(file) != DOOR:
            found.append(f"{file} stands on no floor: name one in tests/test_house.py")
    needs = imports_of(root)
    for need in needs:
        own, other = home(need.file), need.target.split(".")[1] if "." in need.target else DOOR
        if other == DOOR and own != DOOR:
            if not need.names or set(need.names) - PRIVATE_DOOR:
                found.append(f"{need}: inside mlsd, import from the file that holds the name")
        elif own == other or DOOR in (own, other):
            continue
        elif own not in FLOORS or other not in FLOORS:
            if other not in {home(path.relative_to(root).as_posix()) for path in modules.values()}:
                found.append(f"{need}: there is no such file or room")
        elif FLOORS[other] > FLOORS[own]:
            found.append(f"{need}: floor {FLOORS[own]} takes from floor {FLOORS[other]} above it")
        elif FLOORS[other] == FLOORS[own] >= 3 and (own, other) != ("platform", "plot"):
            found.append(f"{need}: rooms of one floor do not import each other")
    found += _circles(root, needs)
    for path in modules.values():
        found += _habits(path, path.relative_to(root).as_posix())
    return found


def _circles(root: Path, needs: list[Import]) -> list[str]:
    """Files of floors 0-2 that need each other, directly or round a corner."""
    graph: dict[str, set[str]] = {}
    for need in needs:
        own, other = home(need.file), need.target.split(".")[-1]
        if FLOORS.get(own, 9) <= 2 and FLOORS.get(other, 9) <= 2 and own != other:
            graph.setdefault(own, set()).add(other)
    found = []
    for start in sorted(graph):
        seen, todo = set(), set(graph[start])
        while todo:
            file = todo.pop()
            seen.add(file)
            todo |= graph.get(file, set()) - seen
        if start in seen:
            found.append(f"{start}.py: imports go round in a circle")
    return found


def _habits(path: Path, file: str) -> list[str]:
    """Drawing only in plot, no print, and an `__init__` that re-exports and does nothing else."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if home(file) != "plot" and any(name.split(".")[0] == "matplotlib" for name in names):
            found.append(f"{file}:{node.lineno} imports matplotlib: only plot draws")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            found.append(f"{file}:{node.lineno} prints: return a value, or use logging")
    if path.name == "__init__.py":
        found += _door_faults(tree, path, file)
    return found


def _door_faults(tree: ast.Module, path: Path, file: str) -> list[str]:
    """A package's `__init__`: a docstring, TYPE_CHECKING imports, `__all__`, `_HOME` and two functions."""
    found, typed, told = [], set(), {"__all__": set(), "_HOME": set()}
    for node in tree.body:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING" and not node.orelse:
            typed = {alias.asname or alias.name for line in node.body for alias in line.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = (node.targets if isinstance(node, ast.Assign) else [node.target])[0]
            if getattr(target, "id", "") in told:
                told[target.id] = set(ast.literal_eval(node.value))
            elif getattr(target, "id", "") != "__version__":
                found.append(f"{file}:{node.lineno} does more than re-export")
        elif isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__"):
            continue
        elif isinstance(node, ast.ImportFrom) and node.module in ("__future__", "importlib", "typing"):
            continue
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            found.append(f"{file}:{node.lineno} does more than re-export")
    for what, names in (*told.items(), ("TYPE_CHECKING", typed)):
        if names != told["_HOME"]:
            found.append(f"{file}: {what} and _HOME differ in {sorted(names ^ told['_HOME'])}")
    files = {neighbour.stem for neighbour in path.parent.iterdir()}
    for name in sorted(told["_HOME"]):
        if name in files:
            found.append(f"{file}: the name {name} hides the file {name}.py; give the file another noun")
    return found


# ---- our house ------------------------------------------------------------------------------------

MLSD = Path(__file__).parents[1] / "mlsd"


def test_every_file_takes_only_from_the_floors_below():
    assert faults(MLSD) == []


def test_every_public_name_is_where_its_door_says():
    script = (
        "import importlib, sys\n"
        "for package in sys.argv[1:]:\n"
        "    door = importlib.import_module(package)\n"
        "    for name in getattr(door, '__all__', ()):\n"
        "        getattr(door, name), dir(door).index(name)\n"
    )
    packages = [name for name, path in modules_of(MLSD).items() if path.name == "__init__.py"]
    subprocess.run([sys.executable, "-c", script, *packages], check=True)


def test_a_name_that_does_not_exist_is_refused_in_one_sentence():
    import mlsd

    with pytest.raises(AttributeError, match=r"^module 'mlsd' has no attribute 'Shema'$"):
        mlsd.Shema  # noqa: B018


def test_importing_mlsd_brings_no_heavy_library():
    script = "import sys, mlsd; dir(mlsd); print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    heavy = {"numpy", "pandas", "pyarrow", "sklearn", "scipy", "lightgbm", "matplotlib", "typer", "fastapi"}
    assert set(answer.stdout.split()) & heavy == set()


# ---- crooked houses: the reader itself is tested ---------------------------------------------------

DOOR_TEXT = '''"""A door."""
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Report as Report

__all__ = ["Report"]
_HOME = {"Report": "report"}


def __getattr__(name):
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
'''


def build(root: Path, files: dict[str, str]) -> Path:
    """A sound little house with `files` added or replaced."""
    sound = {
        "__init__.py": DOOR_TEXT,
        "report.py": '"""Words."""\nclass Report: ...\n',
        "schema.py": "from .report import Report\n",
        "run.py": "from . import report\nfrom mlsd.schema import Report\n",
        "training/__init__.py": '"""A room."""\n',
        "training/fit.py": "from mlsd.schema import Report\nfrom . import loss\nfrom .loss import x\n",
        "training/loss.py": "x = 1\n",
        "plot/__init__.py": '"""A room."""\n',
        "plot/drift.py": "import matplotlib.pyplot as plt\nfrom ..report import Report\n",
        "tracking/lineage.py": "LIBRARIES = ('mlsd', 'numpy', 'pandas')\n",
        "platform/loop.py": "from ..training.fit import fit\nfrom mlsd import plot, __version__\n",
        "cli.py": "from .platform import loop\nfrom mlsd.course.lab import check\n",
        "course/lab/check.py": "from ...platform.loop import x\n",
    }
    for name, text in {**sound, **files}.items():
        path = root / "mlsd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root / "mlsd"


def test_a_sound_house_has_no_fault(tmp_path):
    root = build(tmp_path, {})
    assert faults(root) == []
    assert {str(need) for need in imports_of(root) if need.file == "training/fit.py"} == {
        "training/fit.py:1 -> mlsd.schema",
        "training/fit.py:2 -> mlsd.training.loss",
        "training/fit.py:3 -> mlsd.training.loss",
    }


UPWARD = {
    "plainly": "from mlsd.training.fit import fit",
    "relatively": "from .training import fit",
    "as a module": "import mlsd.training.fit",
    "for the type checker": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .training.fit import Fit"
    ),
    "inside a function": "def f():\n    from .training.fit import fit\n    return fit",
    "by name": "import importlib\nimportlib.import_module('mlsd.training.fit')",
    "by relative name": "from importlib import import_module\nimport_module('.training', 'mlsd')",
    "in a process": "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'mlsd.training.fit'])",
    "in a process's code": "import sys\ncommand = [sys.executable, '-c', 'from mlsd.training import fit']",
    "in a process's code with a hole": (
        "import sys\ncommand = [sys.executable, '-c', f'import mlsd.training.fit; {1}()']"
    ),
    "through a shell": "import os\nos.system('python -m mlsd.training.fit')",
    "as an application": "import uvicorn\nuvicorn.run('mlsd.training.fit:app')",
}


@pytest.mark.parametrize("text", UPWARD.values(), ids=UPWARD)
def test_an_upward_import_is_found(tmp_path, text):
    found = faults(build(tmp_path, {"schema.py": text}))
    assert len(found) == 1
    assert found[0].startswith("schema.py:")
    assert found[0].endswith("floor 1 takes from floor 3 above it")


CROOKED = {
    "a sideways room": (
        {"serving/app.py": "from ..training.fit import fit"},
        "serving/app.py:1 -> mlsd.training.fit: rooms of one floor do not import each other",
    ),
    "plot taking from platform": (
        {"plot/drift.py": "from ..platform.loop import x"},
        "plot/drift.py:1 -> mlsd.platform.loop: rooms of one floor do not import each other",
    ),
    "the command in a process": (
        {"platform/loop.py": "import subprocess\nsubprocess.Popen(['mlsd', 'demo'])"},
        "platform/loop.py:2 -> mlsd.cli: floor 4 takes from floor 6 above it",
    ),
    "the command of a replica": (
        {"platform/loop.py": "Replicas(command=['mlsd', 'serve'])"},
        "platform/loop.py:1 -> mlsd.cli: floor 4 takes from floor 6 above it",
    ),
    "the package in a process": (
        {"course/lab/check.py": "command = ['python', '-m', 'mlsd', 'demo']"},
        "course/lab/check.py:1 -> mlsd.__main__: floor 5 takes from floor 6 above it",
    ),
    "the door from inside": (
        {"training/fit.py": "from mlsd import Report"},
        "training/fit.py:1 -> mlsd: inside mlsd, import from the file that holds the name",
    ),
    "the door as a module": (
        {"training/fit.py": "import mlsd"},
        "training/fit.py:1 -> mlsd: inside mlsd, import from the file that holds the name",
    ),
    "a file without a floor": (
        {"helpers.py": "x = 1"},
        "helpers.py stands on no floor: name one in tests/test_house.py",
    ),
    "a room without a floor": (
        {"utils/text.py": "x = 1"},
        "utils/text.py stands on no floor: name one in tests/test_house.py",
    ),
    "an import of nothing": (
        {"training/fit.py": "from mlsd.helpers import x"},
        "training/fit.py:1 -> mlsd.helpers: there is no such file or room",
    ),
    "matplotlib elsewhere": (
        {"training/fit.py": "def f():\n    from matplotlib import pyplot"},
        "training/fit.py:2 imports matplotlib: only plot draws",
    ),
    "a print": (
        {"training/fit.py": "def f():\n    print('done')"},
        "training/fit.py:2 prints: return a value, or use logging",
    ),
    "a door that works": (
        {"training/__init__.py": "import logging\n"},
        "training/__init__.py:1 does more than re-export",
    ),
    "a door that imports at once": (
        {"training/__init__.py": "from .fit import fit\n"},
        "training/__init__.py:1 does more than re-export",
    ),
    "a door that forgets a name": (
        {"__init__.py": DOOR_TEXT.replace('["Report"]', '["Report", "Schema"]')},
        "__init__.py: __all__ and _HOME differ in ['Schema']",
    ),
    "a name that hides a file": (
        {"training/__init__.py": DOOR_TEXT.replace("Report", "loss").replace("report", "loss")},
        "training/__init__.py: the name loss hides the file loss.py; give the file another noun",
    ),
}


@pytest.mark.parametrize(("files", "fault"), CROOKED.values(), ids=CROOKED)
def test_a_crooked_house_is_found(tmp_path, files, fault):
    assert faults(build(tmp_path, files)) == [fault]


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        (
            {"report.py": "def f():\n    from . import store", "store.py": "from .report import f"},
            "report store",
        ),
        (
            {
                "package.py": "from .run import x",
                "run.py": "from .prediction_log import x",
                "prediction_log.py": "from .package import x",
            },
            "package prediction_log run",
        ),
    ],
    ids=["two files", "three files"],
)
def test_a_circle_on_the_low_floors_is_found(tmp_path, files, circle):
    assert faults(build(tmp_path, files)) == [
        f"{file}.py: imports go round in a circle" for file in circle.split()
    ]
