"""A pipeline is a list of plain functions: a function's name is its output, its parameters are its inputs."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlsd.digest import digest_value
from mlsd.pipeline.cache import Cache, digest_of
from mlsd.pipeline.code import digest_step
from mlsd.report import Finding, RefusedError, Report

Step = Callable[..., Any]
Progress = Callable[[str, Literal["ran", "cached"], float], None]


@dataclass(frozen=True)
class PipelineRun(Mapping[str, Any]):
    """What one run of a pipeline gave: a mapping from step name to output, and what was done for it.

    Args:
        outputs: step name to output.
        done: step name to `"ran"` or `"cached"`, in the order of work.
        digests: name of step or input to the digest of its content: the lineage of every output.
        seconds: step name to seconds of work.
    """

    outputs: Mapping[str, Any]
    done: Mapping[str, str]
    digests: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.outputs[name]

    def __iter__(self) -> Any:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def ran(self) -> tuple[str, ...]:
        """The steps that did work."""
        return tuple(name for name, how in self.done.items() if how == "ran")

    @property
    def cached(self) -> tuple[str, ...]:
        """The steps whose output was there already."""
        return tuple(name for name, how in self.done.items() if how == "cached")

    def report(self) -> Report:
        """Return one finding per step: ran or cached."""
        return Report(
            "pipeline",
            tuple(
                Finding(how, name, message=f"{how} in {self.seconds[name]:.2f} s")
                for name, how in self.done.items()
            ),
        )

    def __repr__(self) -> str:
        ran, cached = (", ".join(names) or "nothing" for names in (self.ran, self.cached))
        return f"PipelineRun(ran: {ran}; cached: {cached})"


class Pipeline:
    """Runs plain functions in the order of their needs and keeps what they return.

    A step runs again only when one of its inputs, or its own code or that of a project function it
    calls, has other content than before. When it runs again and returns the same, the steps after it
    do not. Every output is written whole before the next step starts, so a killed run resumes.

    Args:
        steps: functions with different names; parameter names are steps or inputs of `run`.
        folder: where outputs are kept.

    Raises:
        ValueError: two steps of one name, or steps that need each other.

    >>> import tempfile
    >>> def doubled(number):
    ...     return 2 * number
    >>> def sentence(doubled):
    ...     return f"twice that is {doubled}"
    >>> pipeline = Pipeline([sentence, doubled], tempfile.mkdtemp())
    >>> pipeline.run(number=21)["sentence"]
    'twice that is 42'
    >>> pipeline.run(number=21)
    PipelineRun(ran: nothing; cached: doubled, sentence)
    """

    def __init__(self, steps: Sequence[Step], folder: str | Path) -> None:
        self.steps = {step.__name__: step for step in steps}
        if len(self.steps) < len(steps):
            raise ValueError("two steps have one name; a step's name is its output, so give each its own")
        self.needs = {name: tuple(inspect.signature(step).parameters) for name, step in self.steps.items()}
        self.order = _order(self.needs)
        self.cache = Cache(folder)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that `run` must be given."""
        wanted = dict.fromkeys(need for needs in self.needs.values() for need in needs)
        return tuple(name for name in wanted if name not in self.steps)

    def run(
        self, *, targets: Iterable[str] | None = None, progress: Progress | None = None, **inputs: Any
    ) -> PipelineRun:
        """Run what is needed for the targets (all steps by default).

        Args:
            targets: names of steps.
            progress: called as `progress(step, "ran" or "cached", seconds)` after each step.
            inputs: a value for every input.

        Raises:
            RefusedError: an input or a target has no such name, or an input is missing.
        """
        targets = tuple(targets or self.steps)
        self._check(inputs, targets)
        digests = {name: digest_of(value) for name, value in inputs.items()}
        values = dict(inputs)
        keys: dict[str, str] = {}
        done: dict[str, str] = {}
        seconds: dict[str, float] = {}
        for name in self._wanted(targets):
            start = time.perf_counter()
            key = digest_value([name, digest_step(self.steps[name]), [digests[n] for n in self.needs[name]]])
            kept, how = self.cache.digest(key), "cached"
            if kept is None:
                arguments = {need: self._value(need, values, keys) for need in self.needs[name]}
                values[name] = self.steps[name](**arguments)
                kept, how = self.cache.keep(key, values[name]), "ran"
            keys[name], digests[name], done[name] = key, kept, how
            seconds[name] = time.perf_counter() - start
            if progress:
                progress(name, how, seconds[name])  # type: ignore[arg-type]
        outputs = {name: self._value(name, values, keys) for name in targets}
        return PipelineRun(outputs, done, digests, seconds)

    def _value(self, name: str, values: dict[str, Any], keys: dict[str, str]) -> Any:
        """Return an input or output, read from the cache at the last moment."""
        if name not in values:
            values[name] = self.cache.get(keys[name])
        return values[name]

    def _wanted(self, targets: Iterable[str]) -> list[str]:
        wanted: set[str] = set()
        waiting = list(targets)
        while waiting:
            name = waiting.pop()
            if name in self.steps and name not in wanted:
                wanted.add(name)
                waiting.extend(self.needs[name])
        return [name for name in self.order if name in wanted]

    def _check(self, inputs: Mapping[str, Any], targets: Iterable[str]) -> None:
        for name in targets:
            if name not in self.steps:
                raise RefusedError(f"no step is called {name!r}; the steps are {', '.join(self.order)}")
        wanted = {n for name in self._wanted(targets) for n in self.needs[name]}
        missing = [name for name in self.inputs if name in wanted and name not in inputs]
        unknown = [name for name in inputs if name not in self.inputs]
        if missing or unknown:
            named = "missing " + ", ".join(missing) if missing else "unknown " + ", ".join(unknown)
            raise RefusedError(f"the pipeline's inputs: {named}; expected {', '.join(self.inputs)}")


def _order(needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the steps so that each comes after what it needs, as early in the given order as can be."""
    placed: list[str] = []
    waiting = list(needs)
    while waiting:
        ready = [name for name in waiting if all(n in placed or n not in needs for n in needs[name])]
        if not ready:
            raise ValueError(f"these steps need each other: {', '.join(waiting)}; break the circle")
        placed.append(ready[0])
        waiting.remove(ready[0])
    return tuple(placed)
