"""The registry on an MLflow server that a team shares: the same calls, the same rules."""

from __future__ import annotations

from typing import Any

from mlsd.registry.acting import Acting
from mlsd.registry.mlflow_ledger import MLflowLedger


class MLflowRegistry(Acting):
    """Keep numbered versions of packages in MLflow's model registry.

    Models, versions and aliases are MLflow's own, seen on its page. What it has no word for is kept in
    tags that begin with `mlsd_`: the four states, group, maker, approval, and the history.

    MLflow knows no transaction over several changes. Each of them is whole, a publication as a whole is
    not: let one process publish at a time, and publish again after one was killed. Whoever may write to
    the server can change tags and artifacts; MLflow asks nobody for a name.

    Args:
        uri: such as `"http://127.0.0.1:5000"` after `mlflow server`, or `"sqlite:///mlflow.db"`.
        experiment: under which the artifacts are kept.
        approval: as for `Registry`; kept as a tag of the experiment.

    Raises:
        RefusedError: mlflow is not installed, or the server does not answer within seconds.
    """

    def __init__(self, uri: str, *, experiment: str = "mlsd-registry", approval: bool = False) -> None:
        self.uri, self.experiment = str(uri), experiment
        self._called = self.uri
        self._ledger: MLflowLedger = MLflowLedger(self.uri, experiment)
        if approval:
            self._ledger.rule("approval", "needed")

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self.uri, self.experiment)


def _open(uri: str, experiment: str) -> MLflowRegistry:
    return MLflowRegistry(uri, experiment=experiment)
