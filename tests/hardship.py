"""Real trouble for tests: crowds of processes, kill -9 at random instants, full and read-only disks.

Everything here happens in other processes, which are given Python text to run. Crowds and victims are
forked from one warm process, as starting Python and pandas takes a second each; at that point no
thread has been started yet.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]

CROWD = """
import json, os, sys
{setup}
gate, opener = os.pipe()
answers = []
for me in range({n}):
    answer, teller = os.pipe()
    if os.fork() == 0:
        os.close(opener)
        os.read(gate, 1)  # returns when the parent closes its end: everybody starts at once
        told = []
        tell = told.append
{work}
        os.write(teller, json.dumps(told).encode())
        os._exit(0)
    os.close(teller)
    answers.append(answer)
os.close(opener)
told = [json.loads(open(answer).read()) for answer in answers]
codes = [os.wait()[1] for _ in answers]
assert codes == [0] * {n}, codes
print(json.dumps(told))
"""

VICTIMS = """
import itertools, os, random, signal, sys, time
{setup}
chance = random.Random({seed})
book = os.open({book!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for me in itertools.count():
    if me >= {rounds} and open({book!r}).read().count("\\n") >= {enough}:
        break
    victim = os.fork()
    if victim == 0:
        acknowledge = lambda *words: os.write(book, (" ".join(map(str, (me, *words))) + "\\n").encode())
{work}
        os._exit(1)
    time.sleep(chance.uniform(0, {longest}))
    os.kill(victim, signal.SIGKILL)
    status = os.waitpid(victim, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
print(me)
"""


def run_python(text, *, prefix=(), check=True):
    """Run Python text in a new process at the root of the repository; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*prefix, sys.executable, "-c", text],
        capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def crowd(n, setup, work):
    """Run `work` in n processes at the same moment; return what each told by `tell(value)`.

    `work` knows its number `me` and whatever `setup`, run once before, has defined.
    """
    return json.loads(run_python(CROWD.format(n=n, setup=_text(setup), work=_text(work, 8))))


def kill_often(folder, rounds, longest, setup, work, enough=100):
    """Start `work` and kill -9 it within `longest` seconds, again and again.

    Args:
        folder: a path for the book of acknowledgements.
        rounds: how often at least.
        work: must never end; calls `acknowledge(word, ...)` after each thing it was promised.
        enough: goes on until so much was acknowledged, as a busy machine may need more rounds.

    Returns:
        One list of words per acknowledgement, the round first; and the number of rounds.
    """
    book = Path(folder) / "acknowledged.txt"
    book.touch()
    text = VICTIMS.format(
        setup=_text(setup), work=_text(work, 8),
        rounds=rounds, longest=longest, enough=enough, seed=0, book=str(book),
    )  # fmt: skip
    rounds = int(run_python(text))
    return [line.split() for line in book.read_text().splitlines()], rounds


def _text(text, indent=0):
    return textwrap.indent(textwrap.dedent(text).strip(), " " * indent)


# ---- disks ----------------------------------------------------------------------------------------


def _own_mounts():
    """How to run a command that may mount a disk nobody else sees, or None where that is forbidden."""
    if platform.system() != "Linux" or not shutil.which("unshare"):
        return None
    for how in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        with tempfile.TemporaryDirectory() as place:
            tried = [*how, "mount", "-t", "tmpfs", "-o", "size=64k", "none", place]
            if subprocess.run(tried, capture_output=True).returncode == 0:
                return how
    return None


OWN_MOUNTS = _own_mounts()
# Every machine can limit the size of files and take away permissions; most Linux ones can mount a disk.
FULL = ["limit", "disk"] if OWN_MOUNTS else ["limit"]
READ_ONLY = ["permissions", "disk"] if OWN_MOUNTS else ["permissions"]


def on_full_disk(kind, folder, text, kilobytes=400):
    """Run Python text, which finds `folder` on a disk of some kilobytes; return what it printed."""
    text = f"folder = {str(folder)!r}\n{_text(text)}"
    if kind == "limit":  # no file may grow beyond this
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, 2 * ({kilobytes * 512},))\n"
        return run_python(limit + text)
    mount = f'mount -t tmpfs -o size={kilobytes}k none "{folder}" && exec "$@"'
    return run_python(text, prefix=[*OWN_MOUNTS, "sh", "-c", mount, "sh"])


def on_read_only_disk(kind, folder, text):
    """Run Python text, which finds `folder` as it is but read-only; return what it printed."""
    text = f"folder = {str(folder)!r}\n{_text(text)}"
    if kind == "permissions":
        subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
        try:
            return run_python(text, prefix=_without_power())
        finally:
            subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    mount = f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" && exec "$@"'
    return run_python(text, prefix=[*OWN_MOUNTS, "sh", "-c", mount, "sh"])


def _without_power():
    """For the superuser, whom permissions do not bind: the power to pass them over is laid down."""
    if os.geteuid() != 0:
        return []
    powers = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]


# ---- something to keep ----------------------------------------------------------------------------


def small_package(title="gate", ok=True):
    """A real model package of a few kilobytes: two features, two trees."""
    import lightgbm
    import numpy as np
    import pandas as pd

    from mlsd.package import ModelPackage
    from mlsd.profile import Profile
    from mlsd.report import Finding, Report
    from mlsd.schema import Schema

    random = np.random.default_rng(0)
    frame = pd.DataFrame({"links": random.normal(size=200), "likes": random.normal(size=200)})
    frame["spam"] = (frame["links"] + random.normal(size=200) > 0).astype(int)
    settings = {"objective": "binary", "num_leaves": 3, "verbose": -1, "num_threads": 1, "seed": 0}
    data = lightgbm.Dataset(frame[["links", "likes"]], frame["spam"])
    return ModelPackage(
        lightgbm.train(settings, data, num_boost_round=2),
        Schema.infer(frame, target="spam"),
        Profile.of(frame),
        Report(title, (Finding("better", "constant", ok=ok, message="compared with a constant"),)),
        {"data": "d1", "recipe": {"estimator": "lightgbm"}, "libraries": {"lightgbm": "4"}},
        ("links", "likes"),
        "binary",
        (0, 1),
    )
