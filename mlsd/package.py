"""A model never travels alone: with it go its schema, the portrait of its data, report and lineage."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from mlsd.baseline import Baseline, LastValue, read_baseline
from mlsd.digest import digest_value
from mlsd.manifest import MANIFEST, check_seal, seal, seal_of
from mlsd.metrics import EPSILON
from mlsd.model_file import MODEL_FILES, ask_model, kind_of, read_model, write_model
from mlsd.plain import from_json, to_json, to_plain
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report, check_format
from mlsd.schema import Schema
from mlsd.stats import logit
from mlsd.store import new_folder, one_sentence, write_file
from mlsd.target import encode_target

FORMAT = 2  # 1 knew no calibration
_TEXTS = ("package.json", "schema.json", "profile.json", "report.json")
_NAMED_BY = ("data", "recipe", "libraries", "workers")  # the parts of the lineage that make the id


class PackageSource(Protocol):
    """Where a service gets its models from, by reference: `"spam@champion"`, `"spam@3"`."""

    def resolve(self, reference: str) -> int:
        """Return the version a reference means now."""

    def load(self, reference: str) -> ModelPackage:
        """Return the package a reference means now, checked."""


@dataclass(frozen=True, eq=False)
class ModelPackage:
    """A trained model with everything needed to use it, judge it and know where it came from.

    Args:
        model: a LightGBM `Booster` or a fitted scikit-learn estimator over the encoded features.
        schema: what may enter.
        profile: what did enter: features and target of the rows it was trained on.
        report: how good it was on rows it was not trained on.
        lineage: plain; `data`, `recipe` and `libraries` name it, the rest is told beside.
        features: the inputs, in the order of the model's columns.
        task: `"binary"`, `"multiclass"`, `"regression"` or `"ranking"`.
        classes: the answers in coded order; () for regression and ranking.
        baselines: what it was compared with.
        calibration: a and b of a binary task: the log odds of what is answered are a times those of
            the model, plus b; None leaves them.

    Many threads may predict at the same time.
    """

    model: Any
    schema: Schema
    profile: Profile
    report: Report
    lineage: Mapping[str, Any]
    features: tuple[str, ...]
    task: str
    classes: tuple[Any, ...] = ()
    baselines: tuple[Baseline | LastValue, ...] = field(default=())
    calibration: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lineage", to_plain(self.lineage))
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "classes", tuple(to_plain(list(self.classes))))

    # ---- what it answers --------------------------------------------------------------------------

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return a prediction for each row of a table.

        Args:
            frame: the features, and any other columns; shape (n, ...).

        Returns:
            The probability of the second class, (n,); of every class, (n, k); a number, or the score
            that orders a list, highest first, (n,).

        Raises:
            RefusedError: a feature is missing or of the wrong type.
        """
        return self.predict_encoded(self.schema.encode_frame(frame, self.features))

    def predict_rows(self, records: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return a prediction for each record, bit for bit that of `predict`, refusing strictly.

        Args:
            records: m dicts, feature -> value.

        Raises:
            RefusedError: a field is missing, unknown, of the wrong type or out of range.
        """
        return self.predict_encoded(self.schema.encode(records, self.features))

    def predict_encoded(self, table: np.ndarray) -> np.ndarray:
        """Return a prediction for each row of an encoded table, shape (n, f)."""
        found = ask_model(self.model, table, self.task, len(self.classes))
        return found if self.calibration is None else recalibrate(found, *self.calibration)

    def answers(self, prediction: np.ndarray) -> list[Any]:
        """Return predictions as plain values for HTTP: numbers, or {class: probability}."""
        if self.task != "multiclass":
            return np.asarray(prediction).tolist()
        names = [str(name) for name in self.classes]
        return [dict(zip(names, row, strict=True)) for row in np.asarray(prediction).tolist()]

    def encode_target(self, values: Any) -> np.ndarray:
        """Return true answers as the metrics want them: class positions, or numbers; shape (n,).

        Raises:
            RefusedError: a value is missing or is a class the model does not know.
        """
        return encode_target(values, self.task, self.classes, self.target)

    # ---- what it is -------------------------------------------------------------------------------

    @property
    def target(self) -> str:
        """The column it predicts."""
        return str(self.schema.target)

    @property
    def group(self) -> str | None:
        """The column that names the list of a row, for a ranking; else None."""
        return (self.lineage.get("recipe") or {}).get("group")

    @property
    def kind(self) -> str:
        """`"lightgbm"` or `"scikit-learn"`: how the model is kept."""
        return kind_of(self.model)

    @property
    def metric(self) -> Finding | None:
        """The main metric of its report, with interval; None where it could not be judged."""
        return next((finding for finding in self.report if finding.code == "metric"), None)

    @cached_property
    def id(self) -> str:
        """A name that data, schema, recipe and major library versions decide, and nothing else.

        For a model trained on a cluster, the number of its workers counts too.
        """
        parts = {name: self.lineage.get(name) for name in _NAMED_BY}
        return digest_value({**parts, "schema": self.schema.to_json()})

    @property
    def digest(self) -> str:
        """The digest of its files, to be recorded elsewhere."""
        return seal_of(self._files)

    def with_report(self, report: Report) -> ModelPackage:
        """Return the same model with another report."""
        return replace(self, report=report)

    # ---- how it is kept ---------------------------------------------------------------------------

    @cached_property
    def _files(self) -> dict[str, bytes]:
        about = {
            "format": FORMAT,
            "kind": self.kind,
            "target": self.target,
            "task": self.task,
            "classes": self.classes,
            "features": self.features,
            "baselines": [baseline.to_plain() for baseline in self.baselines],
            "calibration": self.calibration,
            "lineage": self.lineage,
        }
        texts = {"schema.json": self.schema.to_json(), "profile.json": self.profile.to_json()}
        texts |= {"report.json": self.report.to_json(), "package.json": to_json(about, indent=1)}
        return seal(write_model(self.model) | {name: text.encode() for name, text in texts.items()})

    def to_files(self) -> dict[str, bytes]:
        """Return the package as files, name -> bytes; `MANIFEST` holds the digest of each."""
        return dict(self._files)

    @classmethod
    def from_files(
        cls, files: Mapping[str, bytes], *, digest: str | None = None, trusted: bool = False
    ) -> ModelPackage:
        """Read what `to_files` returned; nothing is read as a model before every bit is checked.

        Args:
            files: name -> bytes.
            digest: the digest that was recorded elsewhere; any other package is refused.
            trusted: whether code may run: a scikit-learn model is a pickle, which can do anything.

        Raises:
            RefusedError: a file was changed, is missing or was added; the digest differs; a
                scikit-learn model came without digest and trust; the format is newer.
        """
        found = check_seal(files)
        if digest is not None and digest != found:
            raise RefusedError(
                f"the package has digest {found[:12]}, expected {digest[:12]}: "
                "it is whole, but it is another package"
            )
        try:
            about = check_format(from_json(files["package.json"], "package.json"), FORMAT, "package.json")
            parts = {
                "schema": Schema.from_json(files["schema.json"].decode()),
                "profile": Profile.from_json(files["profile.json"].decode()),
                "report": Report.from_json(files["report.json"].decode()),
                "baselines": tuple(read_baseline(item) for item in about["baselines"]),
                "calibration": tuple(about["calibration"]) if about.get("calibration") else None,
                **{name: about[name] for name in ("lineage", "features", "task", "classes")},
            }
            kind = about["kind"]
            wanted = {MODEL_FILES[kind], MANIFEST, *_TEXTS}
        except KeyError as error:
            raise RefusedError(f"the package holds no {error.args[0]}; it was not written by mlsd") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise RefusedError(f"the package cannot be read: {error}") from error
        for name in sorted(wanted ^ files.keys()):
            what = "lacks" if name in wanted else "holds beside its own files"
            raise RefusedError(f"the package {what} {name}; it was not written by mlsd")
        package = cls(read_model(files, kind, may_run=trusted or digest is not None), **parts)
        package.__dict__["_files"] = dict(files)  # a pickle written again may differ in its bytes
        return package

    def save(self, folder: str | Path) -> Path:
        """Write the package into a new folder, whole or not at all; return the folder.

        Raises:
            RefusedError: the folder exists and is not empty, or the disk refuses.
        """
        with new_folder(folder) as place:
            for name, data in self._files.items():
                write_file(place / name, data)
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path, *, digest: str | None = None, trusted: bool = False) -> ModelPackage:
        """Read a saved package; see `from_files` for what is checked and refused."""
        folder = Path(folder)
        if not folder.is_dir():
            raise RefusedError(f"there is no package at {folder}; expected a folder that `save` wrote")
        with one_sentence(folder):
            files = {p.name: p.read_bytes() if p.is_file() else b"" for p in sorted(folder.iterdir())}
        return cls.from_files(files, digest=digest, trusted=trusted)

    # ---- how it looks -----------------------------------------------------------------------------

    def _facts(self) -> dict[str, str]:
        recipe = self.lineage.get("recipe") or {}
        rows = self.lineage.get("rows")
        return {
            "target": f"{self.target}: {self.task}",
            "estimator": str(recipe.get("estimator", self.kind)).rpartition(".")[2],
            "trained on": f"{rows:,} rows" if rows is not None else f"{self.profile.n:,} rows",
            "quality": self.metric.message if self.metric else "not judged",
            "id": self.id[:8],
        }

    def __repr__(self) -> str:
        return f"ModelPackage({', '.join(self._facts().values())})"

    def _repr_html_(self) -> str:
        facts = self._facts() | {"features": ", ".join(self.features)}
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in facts.items()
        )
        return f"<div><strong>ModelPackage</strong><table>{rows}</table>{self.report._repr_html_()}</div>"


def recalibrate(chance: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return probabilities whose log odds are a times those given, plus b; shape (n,).

    >>> recalibrate(np.array([0.5, 0.9]), 1.0, -1.0)
    array([0.269, 0.768])
    """
    from scipy.special import expit

    return expit(a * logit(chance, EPSILON) + b)
