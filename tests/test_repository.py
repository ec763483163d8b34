"""The repository keeps its word: the lock, the two commands, the documents and the code agree."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import mlsd

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {
    *("labs", "serving", "dask", "dashboard", "mlflow", "s3", "project", "docs", "dev", "oracles", "all")
}
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def package_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in requirements}


# ---- the lock --------------------------------------------------------------------------------------


def test_the_lock_holds_exact_versions_and_no_address():
    lock = text("requirements.lock")
    assert "://" not in lock
    assert [line for line in lock.splitlines() if not re.match(r"[\w.-]+==[\w.]+( ;|$)", line)] == []


def test_the_lock_holds_all_that_the_two_commands_need():
    extras = PROJECT["optional-dependencies"]
    needed = [*PROJECT["dependencies"], *extras["labs"], *extras["serving"], *extras["dev"]]
    locked = package_names(text("requirements.lock").splitlines())
    assert package_names(needed) - {"mlsd"} - locked == set()


def test_ranges_are_loose_and_every_extra_is_known():
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == EXTRAS
    assert "mlsd[serving]" in extras["labs"]
    inside = extras["all"][0].removeprefix("mlsd[").removesuffix("]").split(",")
    assert set(inside) == EXTRAS - {"all"}
    every = PROJECT["dependencies"] + [line for lines in extras.values() for line in lines]
    assert [line for line in every if "==" in line or "<" in line] == []


# ---- the documents ---------------------------------------------------------------------------------


def test_one_version_everywhere():
    version = PROJECT["version"]
    assert mlsd.__version__ == version
    assert re.search(r"^version: (.+)$", text("CITATION.cff"), re.M)[1] == version
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), re.M)[1] == version


def test_every_command_in_the_documents_exists():
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.M))
    assert {"demo", "test", "lab", "docs", "bench", "lint", "size", "clean"} <= targets
    assert {"$ make demo", "$ make test"} <= set(text("README.md").splitlines())
    for document in [*DOCUMENTS, ROOT / "labs/README.md", ROOT / "exam_practice/README.md"]:
        named = re.findall(r"(?:`|\$ )make ([a-z]+)", document.read_text(encoding="utf-8"))
        assert set(named) <= targets, document.name


def test_every_link_between_documents_leads_somewhere():
    for document in [*DOCUMENTS, ROOT / "labs/README.md", ROOT / "exam_practice/README.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            target = document.parent / link
            assert target.exists() or target.name == "exam.md", f"{document.name}: {link}"


def test_every_public_name_stands_in_the_documents():
    words = set(re.findall(r"\w+", " ".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)))
    missing = {name for name in mlsd.__all__ if not {name, f"{name}s"} & words}
    assert missing == set()


def test_every_file_and_room_stands_in_the_picture_of_the_house():
    page = text("docs/architecture.md")
    top = [path for path in (ROOT / "mlsd").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))]
    names = {path.name if path.is_file() else f"{path.name}/" for path in top} - {"__init__.py"}
    assert {name for name in names if name not in page} == set()


def test_workflows_read_only_and_pin_their_actions():
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        content = workflow.read_text(encoding="utf-8")
        assert "permissions:\n  contents: read\n" in content, workflow.name
        assert re.findall(r"uses: (?!\S+@v\d+$).*", content, re.M) == [], workflow.name


def test_no_file_names_a_folder_of_somebody_s_machine():
    homes = re.compile("/(?:home|Users|root|work)" + r"/\w")
    kinds = {".py", ".md", ".toml", ".yml", ".lock", ".cff", ".ipynb", ".json", ".html"}
    skipped = {"_build", "build", "dist", "__pycache__", "wandb", "htmlcov"}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in skipped and name[0] != "."]
        for file in (Path(folder, name) for name in files):
            if file.suffix in kinds:
                found = homes.search(file.read_text(encoding="utf-8"))
                assert not found, f"{file.relative_to(ROOT)} names {found[0]}"


# ---- make says in one sentence what is missing ------------------------------------------------------

PYTHON = """#!/bin/sh
# A Python that is {description}; it only knows what make asks it.
case "$*" in
    *version_info*) exit {old} ;;
    *ensurepip*) exit {bare} ;;
    *--version*) echo 'Python 3.12.0' ;;
    '-m venv --clear .venv')
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        printf '#!/bin/sh\\n' > .venv/bin/uv
        chmod +x .venv/bin/uv ;;
    *lightgbm*)
        echo 'OSError: libgomp.so.1: cannot open shared object file' >&2
        exit {deaf} ;;
esac
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="this machine has no make; the README says how then")
@pytest.mark.parametrize(
    ("description", "old", "bare", "deaf", "sentence"),
    [
        ("too old", 1, 0, 0, "mlsd: this needs Python 3.11, 3.12 or 3.13 and found none: "),
        ("without venv", 0, 1, 0, "has no venv module: install it (Debian: apt-get install python3-venv)."),
        ("without libgomp", 0, 0, 1, "mlsd: LightGBM needs libgomp: apt-get install libgomp1 (Debian)"),
        ("sound", 0, 0, 0, ""),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) and len(value) < 16 else "",
)
def test_make_names_what_is_missing(tmp_path, description, old, bare, deaf, sentence):
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    python = tmp_path / "bin with spaces" / "python3"
    python.parent.mkdir()
    python.write_text(PYTHON.format(description=description, old=old, bare=bare, deaf=deaf))
    python.chmod(0o755)
    answer = subprocess.run(
        ["make", ".venv/.stamp", f"PYTHON={python}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": ""},
        capture_output=True,
        text=True,
    )
    told = [line for line in answer.stderr.splitlines() if not line.startswith("make: ***")]
    if not sentence:
        assert (answer.returncode, told) == (0, [])
        assert (folder / ".venv/.stamp").read_text() == f"{folder}\n"
    else:
        assert answer.returncode != 0
        assert len(told) == 1
        assert sentence in told[0]
        assert not (folder / ".venv/.stamp").exists()
