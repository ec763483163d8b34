"""Every lab of the course keeps the rules: its editions are fresh, straight, unfooled and without leaks."""

import re
from pathlib import Path

import pytest

from mlsd.course.lab.build import stale
from mlsd.course.lab.guard import guard
from mlsd.course.lab.home import labs_folder
from mlsd.course.lab.leaks import leaks
from mlsd.course.lab.proof import digest_of, due, read_proof
from mlsd.course.lab.source import lab_sources, read_lab
from mlsd.course.lab.verify import verify
from mlsd.course.lint import lint
from mlsd.plain import utc_now

LABS = labs_folder()
SOURCES = lab_sources(LABS)
NOT_OURS = re.compile(
    r"\..*|(start|lab)_\d\d"
)  # hidden folders, and what a lab makes when it is run in its folder
NOTEBOOKS = sorted(
    path
    for folder in (LABS, LABS.parent / "exam_practice")
    for path in folder.rglob("*.ipynb")
    if not any(NOT_OURS.fullmatch(part) for part in path.relative_to(folder).parts)
)


def said(report):
    return [f"{finding.code} {finding.subject}: {finding.message}" for finding in report.failures]


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem[:2])
def lab(request):
    return read_lab(request.param)


def test_there_are_labs():
    assert SOURCES


def test_its_editions_are_what_its_source_gives(lab):
    assert said(stale(lab, LABS)) == []


def test_it_keeps_every_rule(lab):
    assert said(lint(lab, LABS)) == []


def test_it_gives_students_no_solution(lab):
    assert said(leaks(lab, LABS)) == []


def test_its_checks_are_proved(lab):
    """Each lab that changed is proved anew, and one more by turns."""
    if lab.number in due(LABS, utc_now().date()):
        assert said(verify(lab.number, LABS)[0]) == []
    else:
        assert read_proof(lab.number, LABS).digest == digest_of(lab.number, LABS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_its_tests_can_be_believed(path):
    assert said(guard(path)) == []


def test_every_notebook_belongs_to_a_lab():
    """A notebook that no source makes would be compared with nothing."""
    made = {path.stem for path in SOURCES}
    assert {path.stem for path in NOTEBOOKS if Path("labs") in path.relative_to(LABS.parent).parents} == made
