"""A package is whole or refused, predicts the same wherever it is, and is named by what made it."""

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from mlsd import ModelPackage, RefusedError, Report, Schema
from mlsd.baseline import Baseline
from mlsd.manifest import MANIFEST, check_seal, seal, seal_of
from mlsd.report import Finding
from mlsd.training import Recipe, train

TARGETS = {"binary": "is_spam", "multiclass": "grade", "regression": "price"}
ESTIMATORS = {
    "lightgbm": {"binary": "lightgbm", "multiclass": "lightgbm", "regression": "lightgbm"},
    "scikit-learn": {
        "binary": LogisticRegression(),
        "multiclass": RandomForestClassifier(5),
        "regression": Ridge(),
    },
}
CASES = [(kind, task) for kind in ESTIMATORS for task in TARGETS]


def make_table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "n_links": rng.integers(0, 9, n),
            "caps_share": np.where(rng.random(n) < 0.1, np.nan, rng.random(n).round(3)),
            "has_image": rng.random(n) < 0.4,
            "topic": rng.choice(["jobs", "crypto", "news"], n),
        }
    )
    heat = frame["n_links"] / 4 + frame["caps_share"].fillna(0) + (frame["topic"] == "crypto")
    frame["is_spam"] = heat + rng.normal(0, 0.5, n) > 1.8
    frame["grade"] = np.digitize(heat + rng.normal(0, 0.3, n), [1, 2]).astype(int)
    frame["price"] = heat * 3.3 + rng.normal(0, 0.3, n)
    return frame


def make_package(kind: str, task: str, n: int = 200, rounds: int = 3) -> ModelPackage:
    frame = make_table(n, 0)
    features = ("n_links", "caps_share", "has_image", "topic")
    params = {"n_estimators": rounds} if kind == "lightgbm" else {}
    return train(frame, Recipe(TARGETS[task], ESTIMATORS[kind][task], features, params=params))


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return make_package("lightgbm", "binary")


@pytest.fixture(scope="module")
def forest() -> ModelPackage:
    return make_package("scikit-learn", "multiclass")


# ---- it predicts the same wherever it is ------------------------------------------------------------


@pytest.mark.parametrize(("kind", "task"), CASES)
def test_a_loaded_package_predicts_bit_for_bit(kind, task, tmp_path):
    made = make_package(kind, task, rounds=30)
    made.save(tmp_path / "a folder")
    read = ModelPackage.load(tmp_path / "a folder", digest=made.digest)
    for seed in range(10):
        rows = make_table(1 + 150 * seed, 100 + seed)
        rows.loc[rows.index % 7 == 3, "topic"] = "unheard of"
        assert np.array_equal(read.predict(rows), made.predict(rows))
    assert (read.id, read.digest) == (made.id, made.digest)
    assert read.to_files() == made.to_files()
    assert read.report == made.report
    assert read.profile == made.profile
    assert read.baselines == made.baselines
    assert (read.task, read.classes, read.features) == (made.task, made.classes, made.features)


@pytest.mark.parametrize(("kind", "task"), CASES)
def test_records_and_tables_get_the_same_answer(kind, task):
    made = make_package(kind, task, rounds=30)
    rows = make_table(120, 5)[list(made.features)]
    records = [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in rows.to_dict("records")
    ]
    whole = made.predict(rows)
    assert np.array_equal(made.predict_rows(records), whole)
    if kind == "lightgbm":  # a matrix product may round differently for one row and for many
        assert np.array_equal(np.concatenate([made.predict_rows([r]) for r in records]), whole)


@pytest.mark.parametrize(("kind", "task"), CASES)
def test_no_rows_get_no_answers(kind, task):
    made = make_package(kind, task)
    none = made.predict(make_table(20, 0).iloc[:0])
    assert none.shape == ((0, 3) if task == "multiclass" else (0,))
    assert made.answers(none) == []


def test_answers_are_plain(package, forest):
    assert package.answers(np.array([0.25, 1.0])) == [0.25, 1.0]
    assert forest.answers(np.array([[0.5, 0.25, 0.25]])) == [{"0": 0.5, "1": 0.25, "2": 0.25}]
    json.dumps(forest.answers(forest.predict(make_table(3, 0))), allow_nan=False)


def test_threads_may_share_a_package(package):
    rows = make_table(64, 9)[list(package.features)].dropna()
    records = rows.to_dict("records")
    alone = [package.predict_rows([record])[0] for record in records]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda record: package.predict_rows([record])[0], records * 10))
    assert together == alone * 10


def test_a_package_survives_a_pickle(package):
    copy = pickle.loads(pickle.dumps(package))
    rows = make_table(50, 3)
    assert np.array_equal(copy.predict(rows), package.predict(rows))
    assert (copy.id, copy.digest) == (package.id, package.digest)


def test_targets_are_coded_as_the_model_knows_them(package, forest):
    assert package.classes == (False, True)
    assert package.encode_target(pd.Series([True, False, True])).tolist() == [1, 0, 1]
    assert forest.encode_target([2.0, 0, 1]).tolist() == [2, 0, 1]
    with pytest.raises(RefusedError, match="'grade' holds 7, which is none of the 3 classes the model knows"):
        forest.encode_target([7])
    with pytest.raises(RefusedError, match="'is_spam' has no value in 1 of 2 rows; drop them first"):
        package.encode_target([True, None])


def test_a_wrong_record_is_refused_by_name(package):
    with pytest.raises(RefusedError, match="topic"):
        package.predict_rows([{"n_links": 1, "caps_share": 0.5, "has_image": True}])
    with pytest.raises(RefusedError, match="caps_share"):
        package.predict(make_table(5, 0).drop(columns="caps_share"))


# ---- one changed bit ----------------------------------------------------------------------------------


def flipped(data: bytes, bit: int) -> bytes:
    copy = bytearray(data)
    copy[bit // 8] ^= 1 << (bit % 8)
    return bytes(copy)


def bits_to_flip(name: str, size: int) -> np.ndarray:
    """Every bit of the small files; of a model one bit of each byte, and 2,000 more drawn at random."""
    if not name.startswith("model"):
        return np.arange(8 * size)
    rng = np.random.default_rng(0)
    return np.r_[8 * np.arange(size) + rng.integers(0, 8, size), rng.integers(0, 8 * size, 2000)]


def refusal(files: dict[str, bytes]) -> str:
    try:
        ModelPackage.from_files(files, trusted=True)
    except RefusedError as error:
        return str(error)
    return "nothing was refused"


@pytest.mark.parametrize("estimator", ["lightgbm", LogisticRegression()])
def test_any_one_flipped_bit_is_refused_before_anything_is_read(estimator, monkeypatch):
    params = {"n_estimators": 2, "num_leaves": 3} if estimator == "lightgbm" else {}
    recipe = Recipe("is_spam", estimator, ("has_image",), params=params)
    files = train(make_table(200, 0)[["has_image", "is_spam"]], recipe).to_files()
    monkeypatch.setattr("mlsd.package.read_model", lambda *_, **__: pytest.fail("read as a model"))
    monkeypatch.setattr("mlsd.package.from_json", lambda *_, **__: pytest.fail("read as text"))
    shared = {"schema.json", "profile.json", "report.json"} if estimator != "lightgbm" else set()
    for name in files.keys() - shared:
        for bit in bits_to_flip(name, len(files[name])):
            sentence = refusal({**files, name: flipped(files[name], int(bit))})
            assert sentence.startswith(f"{name} was changed"), (bit, sentence)


@pytest.mark.parametrize("which", ["package", "forest"])
def test_a_file_cut_short_or_grown_is_refused(which, request):
    files = request.getfixturevalue(which).to_files()
    for name, data in files.items():
        for damaged in (b"", data[:-1], data + b"\n", data + b" ", b"\n" + data):
            with pytest.raises(RefusedError, match=f"^{name} was changed"):
                ModelPackage.from_files({**files, name: damaged}, trusted=True)


@pytest.mark.parametrize("name", ["model.txt", "schema.json", "profile.json", "report.json", "package.json"])
def test_a_missing_file_is_refused_by_name(package, name):
    files = package.to_files()
    del files[name]
    with pytest.raises(RefusedError, match=f"^{name} is missing; restore the package from a copy"):
        ModelPackage.from_files(files)
    sealed_without = seal({key: data for key, data in files.items() if key != MANIFEST})
    with pytest.raises(RefusedError, match=f"the package (lacks|holds no) {name}"):
        ModelPackage.from_files(sealed_without)


def test_a_package_without_packing_list_is_refused(package):
    files = package.to_files()
    del files[MANIFEST]
    with pytest.raises(RefusedError, match=r"^MANIFEST is missing, so nothing can be checked"):
        ModelPackage.from_files(files)


def test_an_added_file_is_refused_by_name(package, tmp_path):
    package.save(tmp_path / "p")
    (tmp_path / "p" / "notes.txt").write_text("hello")
    with pytest.raises(RefusedError, match=r"^notes.txt does not belong to the package; remove it"):
        ModelPackage.load(tmp_path / "p")
    (tmp_path / "p" / "notes.txt").unlink()
    (tmp_path / "p" / "folder").mkdir()
    with pytest.raises(RefusedError, match=r"^folder does not belong to the package"):
        ModelPackage.load(tmp_path / "p")
    files = {name: data for name, data in package.to_files().items() if name != MANIFEST}
    with pytest.raises(
        RefusedError, match=r"holds beside its own files notes.txt; it was not written by mlsd"
    ):
        ModelPackage.from_files(seal({**files, "notes.txt": b"hello"}))


def test_a_flipped_bit_on_disk_is_refused(package, tmp_path):
    package.save(tmp_path / "p")
    path = tmp_path / "p" / "model.txt"
    path.write_bytes(flipped(path.read_bytes(), 4000))
    with pytest.raises(RefusedError, match=r"^model.txt was changed after it was packed"):
        ModelPackage.load(tmp_path / "p")


def test_another_whole_package_is_refused_when_the_digest_is_known(package, forest):
    with pytest.raises(RefusedError, match="it is whole, but it is another package"):
        ModelPackage.from_files(package.to_files(), digest=forest.digest)
    with pytest.raises(RefusedError, match="it is whole, but it is another package"):
        ModelPackage.from_files(forest.to_files(), digest=package.digest, trusted=True)


def test_the_packing_list_is_what_sha256sum_writes(package, tmp_path):
    package.save(tmp_path / "p")
    lines = (tmp_path / "p" / MANIFEST).read_text().splitlines()
    (tmp_path / "p" / "sums").write_text("\n".join(lines[:-1]) + "\n")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "sums"], cwd=tmp_path / "p", capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert lines[-1] == seal_of(package.to_files()) == package.digest == check_seal(package.to_files())


def test_a_packing_list_of_nonsense_is_refused():
    with pytest.raises(RefusedError, match="MANIFEST is no packing list"):
        check_seal({MANIFEST: seal({"a": b""})[MANIFEST][:0] + _sealed_nonsense()})


def _sealed_nonsense() -> bytes:
    from mlsd.digest import digest_bytes

    lines = b"nonsense\n"
    return lines + digest_bytes(lines).encode() + b"\n"


# ---- code that could run ------------------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_a_pickle_is_not_read_unless_somebody_vouches(forest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {name: data for name, data in forest.to_files().items() if name != MANIFEST}
    bomb = seal({**files, "model.joblib": pickle.dumps(Bomb())})
    with pytest.raises(RefusedError, match="reading one can run any code; give the digest"):
        ModelPackage.from_files(bomb)
    with pytest.raises(RefusedError, match="it is whole, but it is another package"):
        ModelPackage.from_files(bomb, digest=forest.digest)
    assert not (tmp_path / "exploded").exists()
    assert ModelPackage.from_files(forest.to_files(), digest=forest.digest).id == forest.id
    assert ModelPackage.from_files(forest.to_files(), trusted=True).id == forest.id


def test_lightgbm_needs_no_trust(package):
    assert ModelPackage.from_files(package.to_files()).id == package.id


def resealed(package: ModelPackage, **changes: bytes) -> dict[str, bytes]:
    files = {name: data for name, data in package.to_files().items() if name != MANIFEST}
    return seal({**files, **{name.replace("_", "."): data for name, data in changes.items()}})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"package_json": b'{"format": 3}'},
            "package.json has format 3; this mlsd reads up to 2: update mlsd",
        ),
        ({"package_json": b"{"}, "the package cannot be read: package.json is not JSON"),
        ({"package_json": b"[]"}, "package.json has no whole number under 'format'"),
        ({"package_json": b'{"format": 1}'}, "the package holds no baselines; it was not written by mlsd"),
        ({"schema_json": b"\xff"}, "the package cannot be read: "),
        ({"profile_json": b"{}"}, "the package cannot be read: "),
        ({"report_json": b'{"format": 1}'}, "the report is incomplete"),
        ({"model_txt": b"tree\nnonsense"}, "model.txt cannot be read as a LightGBM model"),
        ({"model_txt": b"\xff"}, "model.txt cannot be read as a LightGBM model"),
    ],
)
def test_sealed_nonsense_is_refused_in_one_sentence(package, changes, sentence):
    with pytest.raises(RefusedError, match=sentence):
        ModelPackage.from_files(resealed(package, **changes))


def test_a_pickle_of_nonsense_is_refused_in_one_sentence(forest):
    with pytest.raises(RefusedError, match=r"model.joblib cannot be read with the libraries here"):
        ModelPackage.from_files(resealed(forest, model_joblib=b"nonsense"), trusted=True)


# ---- it is kept whole or not at all ---------------------------------------------------------------------


def test_a_folder_that_holds_something_is_left_alone(package, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RefusedError, match="exists already and is not empty; choose a new folder"):
        package.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_is_one_sentence(package, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match=r"file: .* exists; choose a folder you may write to"):
        package.save(tmp_path / "file" / "p")
    with pytest.raises(RefusedError, match="there is no package at"):
        ModelPackage.load(tmp_path / "nowhere")


FULL_DISK = """
import resource, sys
from mlsd import ModelPackage, RefusedError
package = ModelPackage.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # no file of this process may grow beyond
try:
    package.save(sys.argv[2])
except RefusedError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_leaves_nothing_behind(package, tmp_path):
    package.save(tmp_path / "whole")
    (tmp_path / "full").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "whole"), str(tmp_path / "full" / "p")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "file too large; choose a folder" in done.stdout
    assert done.stdout.count("\n") == 1
    assert list((tmp_path / "full").iterdir()) == []


# ---- its name -------------------------------------------------------------------------------------------

ELSEWHERE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from test_package import named
print(*named())
"""


def named() -> tuple[str, str]:
    made = train(make_table(7_000, 0), Recipe("is_spam", params={"n_estimators": 20}))
    return made.id, made.digest


def test_another_process_with_more_threads_gives_the_same_package(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, os.path.dirname(__file__)],
        env=os.environ
        | {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert tuple(done.stdout.split()[-2:]) == named()


def test_the_id_names_data_schema_and_recipe_and_nothing_else(tmp_path):
    frame = make_table(200, 0)
    recipe = Recipe("is_spam", params={"n_estimators": 3})
    made = train(frame, recipe)
    changed = frame.copy()
    changed.loc[7, "n_links"] += 1
    others = [
        train(changed, recipe),
        train(frame, Recipe("is_spam", params={"n_estimators": 4})),
        train(frame, Recipe("is_spam", params={"n_estimators": 3}, random_state=1)),
        train(frame, Recipe("is_spam", LogisticRegression())),
        train(frame, Recipe("is_spam", LogisticRegression(C=2.0))),
        train(frame.drop(columns="price"), recipe),
        train(frame, recipe, schema=Schema.infer(frame, target="is_spam", units={"n_links": "links"})),
    ]
    assert len({made.id, *(other.id for other in others)}) == 8
    stored = frame.astype({"n_links": "float64", "topic": "category"}).set_index(frame.index + 5)
    for same in (train(frame.copy(), recipe), train(stored, recipe), made.with_report(Report("other"))):
        assert same.id == made.id
    forests = [
        train(frame, Recipe("is_spam", RandomForestClassifier(3, n_jobs=jobs))).id for jobs in (None, 1)
    ]
    assert forests[0] == forests[1]


def test_another_report_is_another_digest_of_the_same_model(package):
    report = Report("later", (Finding("rows", message="seen again"),))
    later = package.with_report(report)
    assert later.report == report
    assert later.digest != package.digest
    assert later.to_files()["model.txt"] == package.to_files()["model.txt"]


# ---- how it looks -----------------------------------------------------------------------------------------


def test_a_package_introduces_itself(package, forest):
    text = repr(package)
    assert text.startswith("ModelPackage(is_spam: binary, lightgbm, 161 rows, log_loss 0.")
    assert text.endswith(f"{package.id[:8]})")
    assert "RandomForestClassifier" in repr(forest)
    assert "not judged" in repr(package.with_report(Report("none")))


def test_html_holds_the_report_and_no_fixed_text_colour(package):
    text = package._repr_html_()
    assert "is_spam: binary" in text
    assert "beats_rule" in text
    assert "n_links, caps_share, has_image, topic" in text
    assert "color:#000" not in text.replace(" ", "")
    strange = package.with_report(Report("<script>"))
    assert "<script>" not in strange._repr_html_()


def test_baselines_say_what_they_do_and_read_back():
    rule = Baseline("rule", (0.1, 0.9), (0.7, 0.3), (0.5, 0.5), "n_links", 1, 2.5)
    assert Baseline.from_plain(json.loads(json.dumps(rule.to_plain()))) == rule
    assert repr(rule) == "Baseline(rule: n_links <= 2.5 gives (0.1, 0.9), else (0.7, 0.3))"
    table = np.array([[0, 2.5], [0, 2.6], [0, np.nan]])
    assert rule.predict(table).tolist() == [[0.1, 0.9], [0.7, 0.3], [0.5, 0.5]]
    assert Baseline("constant", (0.2,)).predict(table).tolist() == [0.2, 0.2, 0.2]


def test_a_package_written_before_there_was_calibration_is_read(package):
    about = json.loads(package.to_files()["package.json"])
    del about["calibration"]
    read = ModelPackage.from_files(resealed(package, package_json=json.dumps(about | {"format": 1}).encode()))
    assert (read.id, read.calibration, read.baselines) == (package.id, None, package.baselines)
