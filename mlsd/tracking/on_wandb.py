"""Runs kept on this machine and, at the same time, written down for Weights & Biases."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.digest import digest_bytes, digest_value
from mlsd.report import RefusedError
from mlsd.run import Run, Status
from mlsd.tracking.local import LocalTracker
from mlsd.tracking.wandb_session import check_key, session

_STEP = "mlsd_step"  # the x axis: W&B's own step may not go back, and ours counts for each metric
_TAG = 64  # characters of a tag that W&B takes


class WandbTracker(LocalTracker):
    """Keep runs as a `LocalTracker` does, and beside them as Weights & Biases runs.

    Offline, without account and network, W&B's files wait below `folder/wandb`; `wandb sync` sends them
    when you want. W&B's files cannot be read back by its own library and lose the last seconds of a
    killed process, so the local record is the one that `get` and `runs` read and that survives.
    W&B's helper process ends with the last run that is open. A point costs some tenths of a
    millisecond.

    Args:
        folder: where the runs are kept; made when it is not there.
        project: the name under which W&B lists the runs.
        online: send at once, to the account whose key `wandb login` or WANDB_API_KEY has set.

    Raises:
        RefusedError: wandb is not installed, the folder cannot be written, or there is no key.
    """

    def __init__(self, folder: str | Path, project: str = "mlsd", *, online: bool = False) -> None:
        super().__init__(folder)
        self.project, self.online = project, online
        self._mirrors: dict[str, Any] = {}  # run id -> wandb's run, while it is open
        check_key(online)

    def _accompany(self, run: Run, stack: contextlib.ExitStack) -> None:
        mirror = stack.enter_context(session(self.folder, self.project, run.name, self.online))
        mirror.define_metric(_STEP, hidden=True)
        mirror.define_metric("*", step_metric=_STEP)
        self._mirrors[run.id] = mirror
        stack.callback(self._mirrors.pop, run.id)
        mirror.config.update({"run": run.id, "lineage": run.lineage})

    @contextlib.contextmanager
    def _mirror(self, run_id: str) -> Iterator[Any]:
        """Give W&B's run; what it refuses is one sentence, and the local record holds it already."""
        try:
            yield self._mirrors[run_id]
        except KeyError:
            raise RefusedError(f"{run_id} is not open in this process; nothing can be logged to it") from None
        except Exception as error:
            if type(error).__module__.split(".")[0] != "wandb":
                raise
            raise RefusedError(f"W&B refuses what {run_id} logged: {str(error).splitlines()[0]}") from error

    def _close(self, run_id: str, status: Status, ended: pd.Timestamp) -> None:
        super()._close(run_id, status, ended)
        if run_id in self._mirrors:
            self._mirrors[run_id].finish(exit_code=0 if status == "finished" else 1)

    def write_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Keep parameters; W&B's config."""
        super().write_params(run_id, params)
        with self._mirror(run_id) as mirror:
            mirror.config.update(dict(params))

    def write_lineage(self, run_id: str, lineage: Mapping[str, Any]) -> None:
        """Keep the whole lineage; in W&B's config."""
        super().write_lineage(run_id, lineage)
        with self._mirror(run_id) as mirror:
            mirror.config.update({"lineage": dict(lineage)}, allow_val_change=True)

    def write_tags(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Keep tags; W&B's are words, such as `sprint: 2`."""
        super().write_tags(run_id, tags)
        if run_id in self._mirrors:  # a run that could not be opened is tagged with the reason
            with self._mirror(run_id) as mirror:
                mirror.tags = [f"{name}: {value}"[:_TAG] for name, value in self.get(run_id).tags.items()]

    def write_metrics(self, run_id: str, points: list[tuple[str, int, float]]) -> None:
        """Keep points; W&B's history has a row for each step of a call."""
        super().write_metrics(run_id, points)
        with self._mirror(run_id) as mirror:
            for step, row in groupby(sorted(points, key=_step_of), key=_step_of):
                mirror.log({name: value for name, _, value in row} | {_STEP: step})

    def write_artifact(self, run_id: str, name: str, data: bytes) -> None:
        """Keep an artifact; a picture and a CSV table are shown on W&B's page too."""
        super().write_artifact(run_id, name, data)
        import wandb

        with self._mirror(run_id) as mirror:
            artifact = wandb.Artifact(_artifact_name(mirror.id, name), type="file")
            path = self._blobs.path(digest_bytes(data))
            artifact.add_file(str(path), name=name, policy="immutable")  # it is read from where we keep it
            mirror.log_artifact(artifact)
            shown = _shown(name, data)
            if shown is not None:
                mirror.log({name.rpartition(".")[0]: shown})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.project), {"online": self.online}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.online = state["online"]


def _step_of(point: tuple[str, int, float]) -> int:
    return point[1]


def _artifact_name(owner: str, name: str) -> str:
    """Return a name W&B takes: letters, digits, dots and dashes, no two names the same."""
    plain = "".join(
        letter if (letter.isascii() and letter.isalnum()) or letter in ".-_" else "-" for letter in name
    )
    return f"{owner}-{plain[:80]}" + ("" if plain == name else f"-{digest_value(name)[:8]}")


def _shown(name: str, data: bytes) -> Any:
    """Return what W&B's page draws for a picture or a table, None for other files."""
    import wandb

    if name.endswith(".png"):
        from PIL import Image

        return wandb.Image(Image.open(io.BytesIO(data)))
    return wandb.Table(dataframe=pd.read_csv(io.BytesIO(data))) if name.endswith(".csv") else None
