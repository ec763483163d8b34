"""`mlsd monitor report` at the command line: what is said, which page is left, with which exit code."""

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mlsd import cli
from mlsd.monitor_command import tell
from mlsd.platform import Health
from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.report import Finding, Report
from tests.hardship import small_package

BEGIN = pd.Timestamp("2024-03-04T00:00Z")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A registry with a champion, a saved package, and the log of two days."""
    folder, package = tmp_path_factory.mktemp("place"), small_package()
    registry = Registry(folder / "registry")
    registry.publish(registry.register("spam", package))
    package.save(folder / "package")
    rng, log = np.random.default_rng(0), PredictionLog(folder / "log.db")
    frame = pd.DataFrame({"links": rng.normal(size=400), "likes": rng.normal(size=400)})
    at = BEGIN + pd.to_timedelta(np.linspace(0, 1.99, 400), unit="D")
    answers = zip(at, frame.to_dict("records"), package.predict(frame).tolist(), strict=True)
    log.extend((str(i), when, 1, row, p) for i, (when, row, p) in enumerate(answers))
    return folder


@pytest.fixture
def run(capfd, monkeypatch, place):
    """Run the command in the folder; return exit code, output and error output."""

    def run(*arguments):
        monkeypatch.chdir(place)
        monkeypatch.setattr("sys.argv", ["mlsd", "monitor", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capfd.readouterr()

    return run


HERE = ("--registry", "registry", "--log", "log.db")


def test_the_champion_by_name(run, tmp_path):
    code, out, err = run("spam", *HERE, "--to", tmp_path / "h.html")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "The inputs are the same; whether spam@1 is still right is not known yet"
    assert f"Page: {tmp_path / 'h.html'}" in out
    assert "\x1b" not in out  # plain where nobody watches
    assert "<title>The inputs are the same" in (tmp_path / "h.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("reference", ["spam@1", "spam@champion", "models:/spam@champion", "models:/spam/1"])
def test_every_way_to_name_a_version(run, tmp_path, reference):
    code, out, _ = run(reference, *HERE, "--to", tmp_path / "h.html")
    assert code == 0 and "whether spam@1 is" in out


def test_a_saved_package_needs_no_registry(run, tmp_path):
    code, out, err = run("package", "--log", "log.db", "--every", "12h", "--to", tmp_path / "h.html")
    assert (code, err) == (0, "")
    assert "4 windows of 12 hours" in out


def test_a_table_of_requests(run, tmp_path):
    at = pd.date_range(BEGIN, periods=50, freq="min")
    table = pd.DataFrame({"at": at, "seconds": 0.01, "status": 200})
    table.to_csv(tmp_path / "r.csv", index=False)
    table.to_parquet(tmp_path / "r.parquet")
    for name in ("r.csv", "r.parquet"):
        code, out, _ = run("spam", *HERE, "--requests", tmp_path / name, "--to", tmp_path / "h.html")
        assert code == 0 and "0 of 50 requests failed" in out and "Not looked at" not in out


def test_a_terminal_shows_the_answers_in_colour():
    card = (Finding("up", "Up?", value="Yes"), Finding("inputs", "Same?", value="Yes"))
    card += (Finding("right", "Right?", ok=False, value="No", message="loss"),)
    none = Report("diagnosis", (Finding("diagnosis", value="no drift"),))
    health = Health("spam@1", BEGIN, Report("health", card), (), Report("labels"), none)
    colour, plain = Console(force_terminal=True, width=200, record=True), Console(width=200, record=True)
    with colour.capture() as first, plain.capture() as second:
        tell(colour, health)
        tell(plain, health)
    assert "\x1b[37;41mNo" in first.get()  # white on red
    assert str(health) in second.get() and "\x1b" not in second.get()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("spam", "--registry", "nowhere", "--log", "log.db"), "there is no registry at nowhere"),
        (("nowhere", "--log", "log.db"), "there is no package at nowhere"),
        (("spam", "--registry", "registry", "--log", "nothing.db"), "there is no prediction log at nothing.db"),
        (("ham", *HERE), "ham"),
        (("spam@7", *HERE), "spam has no version 7; known: 1"),
        (("spam", "--registry", "registry", "--log", "registry/registry.db"), "something else wrote it"),
        (("spam", "--registry", "registry", "--log", "words.txt"), "not a database"),
        (("spam", *HERE, "--start", "2030-01-01T00:00Z"), "it reaches from 4 March 2024 to 5 March 2024"),
        (("spam", *HERE, "--every", "soon"), "expected a length such as '1D'"),
        (("spam", *HERE, "--requests", "nothing.csv"), "there is no table of requests at nothing.csv"),
        (("spam", *HERE, "--requests", "words.txt"), "words.txt is no table of requests with a column 'at'"),
        (("spam", *HERE, "--to", "words.txt/h.html"), "choose a folder you may write to"),
    ],
    ids=["registry", "package", "log", "model", "version", "database", "text", "empty", "every", "requests",
         "table", "output"],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_and_no_page(run, place, arguments, sentence):
    (place / "words.txt").write_text("words, more words\n" * 300)
    before = {
        path.name for path in place.iterdir() if not path.name.startswith("log.db-")
    }  # SQLite's journal
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert sentence in err and err.startswith("mlsd: ") and err.count("\n") == 1
    assert {path.name for path in place.iterdir() if not path.name.startswith("log.db-")} == before


def test_a_wrong_command_line_is_exit_code_2(run):
    assert run("spam", "--registry", "registry")[0] == 2
