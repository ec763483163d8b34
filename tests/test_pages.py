"""docs/: every example gives what its page says."""

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md") if ">>> " in page.read_text(encoding="utf-8"))


def test_the_pages_are_found() -> None:
    assert {"preparation.md", "worlds.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_hold(page: str) -> None:
    text = re.sub(r"^```.*$", "", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    example = doctest.DocTestParser().get_doctest(text, {}, page, str(DOCS / page), 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    assert example.examples
    runner.run(example, out=told.append)
    assert not runner.failures, "".join(told)
