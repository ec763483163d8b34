"""What the processes of a service use: CPU, RAM, disk, network, and since when they run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_BY_PROCESS = (  # name, text, kind, how to read it
    ("process_cpu_seconds", "CPU time used, user and system.", "counter", lambda p: sum(p.cpu_times()[:2])),
    ("process_resident_memory_bytes", "RAM in use.", "gauge", lambda p: p.memory_info().rss),
    ("process_start_time_seconds", "When it began, since 1970.", "gauge", lambda p: p.create_time()),
    ("process_disk_read_bytes", "Read from disk.", "counter", lambda p: p.io_counters().read_bytes),
    ("process_disk_written_bytes", "Written to disk.", "counter", lambda p: p.io_counters().write_bytes),
)


class Usage(Collector):
    """Looks when it is asked, so that nothing is paid between two looks.

    Args:
        pids: returns the numbers of the processes to look at.
        folder: the disk it lies on is the one that is watched.
    """

    def __init__(self, pids: Callable[[], list[int]], folder: str | Path = ".") -> None:
        self._pids, self._folder = pids, str(Path(folder).resolve())

    def describe(self) -> list[Metric]:
        """Name nothing in advance: nothing is looked at before somebody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what the processes use, by pid, and what the machine has left."""
        processes = []
        for pid in self._pids():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                processes.append(psutil.Process(pid))
        for name, text, kind, read in _BY_PROCESS:
            family = _family(kind)(name, text, labels=["pid"])
            for process in processes:
                try:
                    family.add_metric([str(process.pid)], float(read(process)))
                except (psutil.Error, AttributeError):  # it has just ended, or the system does not tell
                    continue
            if family.samples:
                yield family
        yield from self._machine()

    def _machine(self) -> Iterator[Metric]:
        free = psutil.virtual_memory().available
        yield GaugeMetricFamily("machine_memory_available_bytes", "RAM that is free for programs.", free)
        left = psutil.disk_usage(self._folder).free
        yield GaugeMetricFamily("machine_disk_free_bytes", "Free on the disk that is worked on.", left)
        traffic = psutil.net_io_counters()
        if traffic is not None:  # a machine without any network
            text = "Bytes over all network interfaces, loopback too."
            family = CounterMetricFamily("machine_network_bytes", text, labels=["direction"])
            family.add_metric(["sent"], traffic.bytes_sent)
            family.add_metric(["received"], traffic.bytes_recv)
            yield family


def _family(kind: str) -> type[CounterMetricFamily] | type[GaugeMetricFamily]:
    return CounterMetricFamily if kind == "counter" else GaugeMetricFamily
