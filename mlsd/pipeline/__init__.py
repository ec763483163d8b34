"""Pipelines of plain functions that re-do only what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsd.pipeline.pipeline import Pipeline as Pipeline
    from mlsd.pipeline.pipeline import PipelineRun as PipelineRun

_HOME = {"Pipeline": "mlsd.pipeline.pipeline", "PipelineRun": "mlsd.pipeline.pipeline"}

__all__ = ["Pipeline", "PipelineRun"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
