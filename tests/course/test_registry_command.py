"""`mlsd registry` at the command line: what is shown, what is refused, with which exit code."""

import getpass
import io

import pandas as pd
import pytest
from typer.testing import CliRunner

from mlsd import cli
from mlsd.registry import Registry
from mlsd.report import Finding, Report
from tests.hardship import small_package

NOW = pd.Timestamp("2024-02-05T10:00Z")


@pytest.fixture(scope="module")
def package():
    return small_package()


@pytest.fixture
def place(tmp_path, package):
    """A registry of three versions: one replaced, one the champion, one that may not be published."""
    registry = Registry(tmp_path / "registry")
    for roc_auc, ok in ((0.7, True), (0.9, True), (0.5, False)):
        found = (Finding("metric", "roc_auc", value=roc_auc), Finding("better", ok=ok, message="compared"))
        version = registry.register(
            "spam", package.with_report(Report("r", found)), group="trust", by="ann", now=NOW
        )
        if ok:
            registry.publish(version, by="bob", now=NOW)
    registry.tag(version, {"team": "feed"}, by="ann", now=NOW)
    return str(tmp_path / "registry")


def mlsd(capfd, monkeypatch, *arguments):
    """Run the command in this process; return exit code, output and error output."""
    monkeypatch.setattr("sys.argv", ["mlsd", "registry", *arguments])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfd.readouterr()
    return ended.value.code, out, err


@pytest.fixture
def run(capfd, monkeypatch):
    return lambda *arguments: mlsd(capfd, monkeypatch, *arguments)


def test_a_piped_list_is_one_line_a_version_with_tabs(run, place):
    code, out, err = run("list", place)
    assert (code, err) == (0, "")
    header, *lines = [line.split("\t") for line in out.splitlines()]
    assert header == ["model name", "publish name", "version", "model group", "created", "created by", "status",
                      "actions"]  # fmt: skip
    assert lines[1] == [
        "spam",
        "spam@champion",
        "2",
        "trust",
        "2024-02-05 10:00:00",
        "ann",
        "published",
        "roll back",
    ]
    assert lines[2][6:] == ["in_progress", "delete; unpublishable: its evaluation failed: compared"]
    assert "\x1b" not in out


def test_at_a_terminal_a_list_is_a_table_in_colours(place):
    shown = CliRunner().invoke(
        cli.app,
        ["registry", "list", place],
        env={"FORCE_COLOR": "1", "COLUMNS": "200", "TERM": "xterm-256color"},
    )
    assert shown.exit_code == 0 and "\x1b[32m" in shown.output and "\t" not in shown.output  # green


def test_each_change_is_one_line_and_signed_by_whoever_runs_it(run, place):
    me = getpass.getuser()
    for arguments, told in (
        (("rollback", place, "spam"), "spam@1: published, champion\n"),
        (("alias", place, "spam@3", "challenger"), "spam@3: in_progress, challenger\n"),
        (("deprecate", place, "spam@2", "--by", "eve"), "spam@2: deprecated\n"),
        (("approve", place, "spam@challenger", "--by", "salma"), "spam@3: approved by salma\n"),
        (("tag", place, "spam@3", "team=", "note=a = b"), "spam@3: note=a = b\n"),
        (("delete", place, "spam@2", "--yes"), "spam@2 is deleted\n"),
    ):
        assert run(*arguments) == (0, told, "")
    code, out, _ = run("history", place, "spam")
    lines = [line.split("\t") for line in out.splitlines()]
    assert code == 0 and lines[0] == ["at", "by", "number", "what", "from", "to"]
    assert [line[1:] for line in lines[-7:]] == [
        [me, "1", "roll back", "2", "1"],
        [me, "3", "challenger", "", "3"],
        ["eve", "2", "deprecate", "published", "deprecated"],
        ["salma", "3", "approve", "", "approved"],
        [me, "3", "tag", "team=feed", ""],
        [me, "3", "tag", "", "note=a = b"],
        [me, "2", "delete", "deprecated", "deleted"],
    ]


def test_what_no_version_needs_is_shown_and_removed_when_asked(run, place):
    assert run("garbage", place) == (0, "every artifact is needed\n", "")
    run("delete", place, "spam@3", "--yes")
    code, out, err = run("garbage", place)
    assert (
        code == 0 and len(out.splitlines()) == 2 and "1 artifacts" in err and "--remove deletes them" in err
    )
    assert "removed" in run("garbage", place, "--remove")[2]
    assert run("garbage", place) == (0, "every artifact is needed\n", "")
    assert run("show", place, "spam@2")[0] == 0  # the others are whole


def test_a_version_is_published_and_shown(run, place, package):
    registry = Registry(place)
    registry.register("spam", package, by="ann")
    assert run("publish", place, "spam@4", "--by", "bob") == (0, "spam@4: published, champion\n", "")
    code, out, _ = run("show", place, "spam@champion")
    assert (
        code == 0 and "created_by   ann" in out and "lineage      data=d1, recipe.estimator=lightgbm" in out
    )
    assert "publish spam@4: ok" in out


def test_versions_are_searched(run, place):
    for asked, numbers in (
        (("--state", "published"), ["1", "2"]),
        (("--metric", "roc_auc > 0.8"), ["2"]),
        (("--tag", "team=feed", "--lineage", "data=d1", "--group", "trust"), ["3"]),
    ):
        code, out, _ = run("search", place, "spam", *asked)
        assert code == 0 and [line.split("\t")[1] for line in out.splitlines()[1:]] == numbers
    assert run("search", place, "feed") == (0, "no version is like that\n", "")


REFUSED = {
    "no registry": (("list", "nowhere"), 1, "there is no registry at nowhere; expected a folder that holds registry"),
    "no such version": (("show", "PLACE", "spam@9"), 1, "spam has no version 9; known: 1 to 3"),
    "no reference": (("publish", "PLACE", "spam"), 1, "'spam' refers to no version; expected"),
    "unpublishable": (("publish", "PLACE", "spam@3"), 1, "its evaluation failed: compared"),
    "own approval": (("approve", "PLACE", "spam@3", "--by", "ann"), 1, "was registered by ann, who cannot approve it"),
    "the champion deleted": (("delete", "PLACE", "spam@2"), 1, "cannot be deleted: champion points to it"),
    "nobody answers": (("delete", "PLACE", "spam@3"), 1, "nothing was deleted: nobody answered; --yes"),
    "no condition": (("search", "PLACE", "--metric", "good"), 1, "'good' is no condition"),
    "no pair": (("search", "PLACE", "--tag", "feed"), 2, "expected NAME=TEXT, each name once"),
    "no word on it": (("tag", "PLACE", "spam@3", "team"), 2, "expected NAME=TEXT, each name once"),
    "nothing given": (("publish", "PLACE"), 2, "Missing argument 'REFERENCE'"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_one_sentence_and_an_exit_code(run, place, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    arguments, expected, sentence = REFUSED[what]
    before = Registry(place).versions()
    code, _, err = run(*(place if word == "PLACE" else word for word in arguments))
    assert code == expected and sentence in err and "Traceback" not in err
    if code == 1:
        assert err.startswith("mlsd: ") and err.count("\n") == 1
    pd.testing.assert_frame_equal(Registry(place).versions(), before)
    assert not (tmp_path / "nowhere").exists()
