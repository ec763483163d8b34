"""The concepts of the course are well formed, and everything they point at exists."""

import re
import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from pkgutil import resolve_name

import pytest

from mlsd.course.concepts import Concept, concepts, open_concepts, read_concepts
from mlsd.course.lab.bank import exercises
from mlsd.course.lab.source import lab_sources
from mlsd.report import RefusedError

OPEN_LIST = Path(__file__).with_name("open_concepts.txt")
SPRINT_OF_LAB = dict(
    zip((f"{lab:02d}" for lab in range(14)), [0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5], strict=True)
)
TAUGHT_EARLY = {"load-balancing", "autoscaling", "queueing"}  # lectured in sprint 4, done in lab 07

SEED = """
    artificial-intelligence machine-learning deep-learning why-now
    ml-application ml-system ml-systems-design mlops hidden-technical-debt
    traditional-data-science automated-pipeline-delivery ml-system-architecture
    data-preparation model-serving model-deployment containerisation docker virtual-machine api
    cloud-infrastructure cloud-on-premise-edge ml-pipeline pipeline-components
    monitoring resource-monitoring usage cpu-usage memory-usage network-usage disk-usage cloud-cost
    throughput uptime performance-monitoring data-drift target-drift concept-drift
    ci-cd continuous-integration continuous-delivery ethical-ai
    project-lifecycle roles skills-per-role demanded-skills
    mlops-maturity maturity-level-0 maturity-level-1 maturity-level-2 maturity-level-3 maturity-level-4
    automated-tests ci-cd-stages environments ab-test traceability model-management feedback-loop rollback
    viral-spam-detection news-feed-ranking boosted-trees pro-ml experiment-tracking
    training-screen unpublishable-model publishing-screen publish-and-deprecate health-assurance
    sprints milestones oral-exam
""".split()  # what the introduction names, slide after slide


# ---- checks: each takes concepts and returns what is wrong, so that each can be seen red ------------


def bad_definitions(given: tuple[Concept, ...]) -> list[str]:
    """Definitions that are not one sentence of 5 to 40 words, or that say what another one says."""
    said = [concept.definition.casefold() for concept in given]
    return [
        concept.id
        for concept in given
        if not re.fullmatch(r"[A-Z0-9][^.!?\n]*\.", concept.definition)
        or not 5 <= len(concept.definition.split()) <= 40
        or said.count(concept.definition.casefold()) > 1
    ]


def unresolved(given: tuple[Concept, ...]) -> list[str]:
    """Symbols that cannot be imported."""
    missing = []
    for concept in given:
        try:
            resolve_name(concept.symbol or "mlsd")
        except (ImportError, AttributeError):
            missing.append(concept.symbol)
    return missing


def misplaced(given: tuple[Concept, ...]) -> list[str]:
    """Concepts whose lab comes before the course names them, or whose exercise comes after their lab."""
    early = {c.id for c in given if SPRINT_OF_LAB.get(c.lab, -1) < c.sprint} - TAUGHT_EARLY
    return [c.id for c in given if c.id in early or c.exercise[:2] > c.lab]


def missing_exercises(given: tuple[Concept, ...]) -> list[str]:
    """Exercises that their lab does not have."""
    named = sorted({concept.exercise for concept in given if concept.exercise})
    return [name for name in named if name not in exercises(name[:2])]


def closed_without_lab(given: tuple[Concept, ...], labs: set[str]) -> list[str]:
    """Concepts that claim to be taught by a lab that nobody has written."""
    return [concept.id for concept in given if not concept.open and concept.lab not in labs]


def list_faults(given: tuple[Concept, ...], listed: list[str]) -> list[str]:
    """How the committed list of open concepts and the concepts themselves differ."""
    still_open = {concept.id for concept in given if concept.open}
    grown = [f"{id} is open and not on the list: the list may only shrink" for id in still_open - {*listed}]
    stale = [f"{id} is closed or gone: take it off the list" for id in {*listed} - still_open]
    order = [] if listed == sorted({*listed}) else ["the list is not sorted, or names an id twice"]
    return sorted(grown + stale + order)


# ---- the file that travels --------------------------------------------------------------------------


def test_there_are_enough_concepts_and_each_sprint_has_some():
    assert len(concepts()) >= 110
    assert {concept.sprint for concept in concepts()} == {0, 1, 2, 3, 4, 5}
    assert concepts() is concepts()  # read once


def test_nothing_is_lost_between_the_file_and_the_reader():
    entries = tomllib.loads((files("mlsd.course") / "concepts.toml").read_text(encoding="utf-8"))["concept"]
    for entry, concept in zip(entries, concepts(), strict=True):
        kinds = entry.pop("exam")
        assert concept.exam == (tuple(kinds) if isinstance(kinds, list) else (kinds,) * bool(kinds))
        assert {name: getattr(concept, name) for name in entry} == entry


def test_ids_and_names_are_unique():
    for what in ("id", "name"):
        values = [getattr(concept, what).casefold() for concept in concepts()]
        assert sorted(values) == sorted({*values})


def test_definitions_are_one_sentence_each_and_all_different():
    assert bad_definitions(concepts()) == []


def test_every_symbol_can_be_imported():
    assert unresolved(concepts()) == []


def test_every_concept_stands_in_a_lab_of_the_course_at_the_right_time():
    assert misplaced(concepts()) == []


def test_every_exercise_that_is_named_exists():
    assert missing_exercises(concepts()) == []


def test_a_concept_is_closed_only_by_a_lab_that_exists():
    assert closed_without_lab(concepts(), {path.name[:2] for path in lab_sources()}) == []


def test_the_list_of_open_concepts_only_shrinks():
    listed = OPEN_LIST.read_text(encoding="utf-8").split()
    assert list_faults(concepts(), listed) == []
    assert list(open_concepts()) == listed


def test_every_concept_of_the_introduction_is_here_and_marked_and_no_other():
    marked = {concept.id for concept in concepts() if concept.seed}
    assert ({*SEED} - marked, marked - {*SEED}) == (set(), set())
    assert len(SEED) == len({*SEED})


# ---- planted errors: each check seen red ------------------------------------------------------------

SOUND = Concept(
    "api", "API", 0, True, "One program asks another for something.", "06", "", "mlsd.Schema", (), True
)


def test_the_sound_concept_passes_every_check():
    for check in (bad_definitions, unresolved, misplaced, missing_exercises):
        assert check((SOUND,)) == [], check.__name__
    assert closed_without_lab((SOUND,), set()) == []
    assert list_faults((SOUND,), ["api"]) == []


@pytest.mark.parametrize(
    "definition",
    [
        "Too short by one.",
        " ".join(["Word"] * 41) + ".",
        "This one has no full stop at all",
        "First a sentence of words. Then another one.",
        "is this a sentence or rather a question?",
        "a small letter begins this one here.",
    ],
)
def test_a_bad_definition_is_found(definition):
    assert bad_definitions((replace(SOUND, definition=definition),)) == ["api"]


def test_a_definition_given_twice_is_found_whatever_its_capitals():
    twin = replace(SOUND, id="twin", definition=SOUND.definition.replace("program", "Program"))
    assert bad_definitions((SOUND, twin)) == ["api", "twin"]


@pytest.mark.parametrize("words", [5, 40])
def test_five_and_forty_words_are_allowed(words):
    assert bad_definitions((replace(SOUND, definition=" ".join(["Word"] * words) + "."),)) == []


@pytest.mark.parametrize("symbol", ["mlsd.Shema", "mlsd.nowhere.Schema", "mlsd.Schema.valdate"])
def test_a_symbol_that_does_not_exist_is_found(symbol):
    assert unresolved((SOUND, replace(SOUND, symbol=symbol))) == [symbol]


@pytest.mark.parametrize(
    "change",
    [{"lab": "14"}, {"sprint": 4}, {"lab": "00", "exercise": "01.1"}],
    ids=["no such lab", "lab before its sprint", "exercise after the lab"],
)
def test_a_misplaced_concept_is_found(change):
    assert misplaced((replace(SOUND, **change),)) == ["api"]


def test_an_exercise_that_does_not_exist_is_found():
    assert missing_exercises((SOUND, replace(SOUND, exercise="00.99"))) == ["00.99"]


def test_a_closed_concept_without_its_lab_is_found():
    closed = replace(SOUND, open=False)
    assert closed_without_lab((closed,), {"00"}) == ["api"]
    assert closed_without_lab((closed,), {"00", "06"}) == []


def test_a_list_that_grew_or_grew_stale_is_found():
    closed = replace(SOUND, open=False)
    assert list_faults((SOUND,), []) == ["api is open and not on the list: the list may only shrink"]
    assert list_faults((closed,), ["api"]) == ["api is closed or gone: take it off the list"]
    assert list_faults((), ["gone"]) == ["gone is closed or gone: take it off the list"]
    pair = (SOUND, replace(SOUND, id="zebra"))
    assert list_faults(pair, ["zebra", "api"]) == ["the list is not sorted, or names an id twice"]
    assert list_faults(pair, ["api", "api", "zebra"]) == ["the list is not sorted, or names an id twice"]


# ---- broken little files: each refusal of the reader, in one sentence ------------------------------

ENTRY = """
[[concept]]
id = "api"
name = "API"
sprint = 0
seed = true
definition = "One program asks another for something."
lab = "06"
exercise = ""
symbol = "mlsd.Schema"
exam = ""
open = true
"""
FIELDS = re.findall(r"^(\w+) = ", ENTRY, re.M)


def with_line(name: str, value: str) -> str:
    return re.sub(rf"^{name} = .*$", lambda _: f"{name} = {value}", ENTRY, flags=re.M)


def refusal(text: str) -> str:
    with pytest.raises(RefusedError) as caught:
        read_concepts(text)
    return str(caught.value)


def test_a_sound_little_file_is_read():
    assert read_concepts(ENTRY) == (SOUND,)
    assert read_concepts(with_line("exam", '"T2"')) == (replace(SOUND, exam=("T2",)),)
    assert read_concepts(with_line("exam", '["T4", "T1"]')) == (replace(SOUND, exam=("T4", "T1")),)
    assert read_concepts("") == ()


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_refused(name):
    text = re.sub(rf"^{name} = .*\n", "", ENTRY, flags=re.M)
    entry = "1" if name == "id" else "'api'"  # without an id, its number
    assert refusal(text) == f"concepts.toml, concept {entry} has no '{name}'; add it"


def test_an_unknown_field_is_refused():
    sentence = f"concepts.toml, concept 'api' has an unknown field 'symbl'; expected {', '.join(FIELDS)}"
    assert refusal(ENTRY + 'symbl = "mlsd.Schema"\n') == sentence


def test_a_doubled_id_is_refused():
    sentence = "concepts.toml names the id 'api' twice; give each concept its own id"
    assert refusal(ENTRY + with_line("name", '"Another"')) == sentence


@pytest.mark.parametrize(
    ("name", "value", "shown", "expected"),
    [
        ("id", '"Web API"', "'Web API'", "lower-case words joined by hyphens"),
        ("id", '"api-"', "'api-'", "lower-case words joined by hyphens"),
        ("id", "7", "7", "lower-case words joined by hyphens"),
        ("name", '""', "''", "a name"),
        ("definition", '""', "''", "a sentence"),
        ("definition", '"One line.\\nAnother."', "'One line.\\nAnother.'", "a sentence"),
        ("sprint", "6", "6", "a number from 0 to 5"),
        ("sprint", "-1", "-1", "a number from 0 to 5"),
        ("sprint", "true", "True", "a number from 0 to 5"),
        ("seed", '"yes"', "'yes'", "true or false"),
        ("open", "1", "1", "true or false"),
        ("lab", '"6"', "'6'", "two digits, such as '03'"),
        ("lab", "6", "6", "two digits, such as '03'"),
        ("exercise", '"00.x"', "'00.x'", "lab and number, such as '00.1', or ''"),
        ("exercise", "0.1", "0.1", "lab and number, such as '00.1', or ''"),
        ("symbol", '"numpy.mean"', "'numpy.mean'", "a dotted name, such as 'mlsd.Schema', or ''"),
        ("exam", '"T9"', "'T9'", "one or more of T1 to T8, or ''"),
        ("exam", '["T1", ""]', "['T1', '']", "one or more of T1 to T8, or ''"),
        ("exam", '["T1", "T1"]', "['T1', 'T1']", "one or more of T1 to T8, or ''"),
        ("exam", "[[1]]", "[[1]]", "one or more of T1 to T8, or ''"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name, value, shown, expected):
    where = f"concepts.toml, concept {shown if name == 'id' else repr('api')}"
    assert refusal(with_line(name, value)) == f"{where}: {name} is {shown}; expected {expected}"


@pytest.mark.parametrize("text", ["concept = 3", "concept = [1]", 'title = "x"\n' + ENTRY])
def test_something_else_than_concepts_is_refused(text):
    assert refusal(text) == "concepts.toml holds something else than [[concept]] entries; take it out"


def test_a_file_that_is_not_toml_is_refused():
    assert re.fullmatch(r"concepts\.toml is not TOML: .*line 2.*; mend that line", refusal("\nid = api"))
