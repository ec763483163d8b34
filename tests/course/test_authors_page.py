"""The page for authors keeps its word: the lab that stands on it builds, is proved, passes lint and can be solved."""

import re
import sys
from pathlib import Path

import pytest

from mlsd import cli

PAGE = Path(__file__).parents[2] / "docs" / "authors.md"


def test_the_lab_on_the_page_is_one(tmp_path, monkeypatch, capsys):
    text = PAGE.read_text(encoding="utf-8")
    files = dict(re.findall(r"^## [^\n]*`labs/src/(99_\w+\.py)`\n.*?```python\n(.*?)```", text, re.M | re.S))
    assert set(files) == {"99_late_parcels.py", "99_exercises.py", "99_start.py"}
    (tmp_path / "labs" / "src").mkdir(parents=True)
    for name, source in files.items():
        (tmp_path / "labs" / "src" / name).write_text(source, encoding="utf-8")
    monkeypatch.setenv("MLSD_LABS", str(tmp_path / "labs"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    for words in ("build 99", "verify 99 --write", "lint 99"):
        monkeypatch.setattr(sys, "argv", ["mlsd", "course", *words.split()])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert not ended.value.code, said.out + said.err
        told = text.partition(f"$ mlsd course {words}\n")[2].partition("```")[0]
        assert said.out.startswith(told) and "FAILED" not in said.out


def test_every_kind_of_law_has_its_example():
    import mlsd.course.lab as lab

    page = PAGE.read_text(encoding="utf-8").partition("### Laws by kind")[2]
    kinds = set(lab.__all__) - {"Exercise", "expect"}
    assert {name for name in kinds if f"{name}(" not in page} == set()
