"""`mlsd doctor`: each row is made to fail, for real wherever that can be done, and its sentence is read."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import webbrowser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.hardship as hardship
from mlsd.course import doctor
from mlsd.course.doctor import examine
from mlsd.course.lab import home

ROOT = Path(__file__).parents[2]
INSTALL = 'run: python -m pip install "mlsd[labs]"'
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def one(monkeypatch, tmp_path):
    """Examine one row; an error fails the report and a warning does not, whatever the row."""

    def look(name, folder=tmp_path):
        with monkeypatch.context() as alone:
            alone.setattr(doctor, "ROWS", {name: doctor.ROWS[name]})
            report = examine(folder)
        (finding,) = report
        assert finding.code == name
        assert report.ok == (finding.ok or finding.severity == "warning")
        return finding

    return look


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("healthy")
    report = examine(folder)
    assert list(folder.iterdir()) == []
    return report


def test_this_computer_is_ready(healthy):
    assert healthy.ok, healthy
    assert [finding.code for finding in healthy] == list(doctor.ROWS)


def test_a_row_that_stops_does_not_stop_the_others(monkeypatch, tmp_path):
    def broken(folder):
        raise MemoryError("no room")

    monkeypatch.setattr(doctor, "ROWS", {"packages": broken, "ports": doctor.ROWS["ports"]})
    packages, ports = examine(tmp_path)
    assert not packages.ok and ports.ok
    expected = "this row itself stopped: MemoryError: no room; mend the other rows, then try again"
    assert packages.message == expected


# ---- python ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "biggest", "ok"),
    [
        ((3, 10, 14), 2**63 - 1, False),
        ((3, 11, 0), 2**63 - 1, True),
        ((3, 13, 9), 2**63 - 1, True),
        ((3, 14, 0), 2**63 - 1, False),
        ((3, 12, 1), 2**31 - 1, False),
    ],
)
def test_python(monkeypatch, one, version, biggest, ok):
    """A stand-in: no machine has all of these."""
    text, bits = ".".join(map(str, version)), 64 if biggest > 2**32 else 32
    monkeypatch.setattr(sys, "version_info", (*version, "final", 0))
    monkeypatch.setattr(sys, "maxsize", biggest)
    monkeypatch.setattr(doctor.platform, "python_version", lambda: text)
    found = one("python")
    assert found.ok == ok and found.severity == "error"
    if not ok:
        assert found.message == (
            f"this is Python {text}, {bits} bit, expected 3.11 to 3.13, 64 bit; "
            "install one of these and make a new environment with it"
        )


def test_the_pythons_are_those_of_the_project():
    (_, oldest), (_, newest) = doctor.PYTHONS
    assert PROJECT["requires-python"] == f">=3.{oldest},<3.{newest + 1}"


# ---- packages -------------------------------------------------------------------------------------


def place_package(folder, name, version):
    """What a package leaves behind where it is installed, without any code."""
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir(parents=True, exist_ok=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return place


def only_packages(monkeypatch, folder, keep):
    """Let this process see only those installed packages whose names `keep` accepts."""
    folder.mkdir()
    for distribution in importlib.metadata.distributions():
        if keep(distribution.name.lower()):
            place = place_package(folder, distribution.name.replace("-", "_"), distribution.version)
            (place / "METADATA").write_text(distribution.read_text("METADATA"), encoding="utf-8")
    bare = [path for path in sys.path if "site-packages" not in path]
    monkeypatch.setattr(sys, "path", [*bare, str(folder)])


def test_a_package_that_is_too_old(monkeypatch, tmp_path, one):
    place_package(tmp_path, "numpy", "1.0")
    monkeypatch.syspath_prepend(tmp_path)
    found = one("packages")
    assert not found.ok and found.severity == "error" and found.count == 1
    assert re.fullmatch(
        rf"1 of \d+ packages \(numpy 1\.0 \(needs >=1\.26\)\) do not fit; {re.escape(INSTALL)}", found.message
    )


def test_a_package_of_another_version(monkeypatch, tmp_path, one):
    lock = tmp_path / "my folder" / "requirements.lock"
    lock.parent.mkdir()
    lock.write_text(INSTALLED)
    monkeypatch.setattr(home, "lock_file", lambda: lock)
    place_package(tmp_path, "wandb", "0.25.3")
    monkeypatch.syspath_prepend(tmp_path)
    found = one("packages")
    assert not found.ok and found.severity == "warning" and found.count == 1
    assert re.fullmatch(
        r"1 of \d+ packages \(wandb 0\.25\.3 \(locked: \d+\.\d+\.\d+\)\) differ from the lock, so outputs may "
        rf'differ in the last digit; run: python -m pip install -r "{lock}"',
        found.message,
    )


def test_half_a_package_is_none(tmp_path):
    (place_package(tmp_path, "rich", "99.0") / "METADATA").unlink()
    look = (  # in a process of its own: importlib_metadata, once loaded, changes how packages are found
        "import json, sys, pathlib; sys.path.insert(0, sys.argv[1]); from mlsd.course import doctor; "
        "doctor.ROWS = {'packages': doctor.ROWS['packages']}; "
        "(found,) = doctor.examine(pathlib.Path(sys.argv[1])); "
        "print(json.dumps([found.severity, found.details['packages']]))"
    )
    said = subprocess.run([sys.executable, "-c", look, tmp_path], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == ["error", ["rich (not installed)"]]


def test_packages_that_are_not_installed(monkeypatch, tmp_path, one):
    only_packages(monkeypatch, tmp_path / "site", {"mlsd"}.__contains__)
    found = one("packages")
    extras = PROJECT["optional-dependencies"]
    asked = {*PROJECT["dependencies"], *extras["serving"], *extras["labs"]} - {"mlsd[serving]"}
    names = sorted(re.match(r"[\w-]+", line).group() for line in asked)
    assert found.severity == "error" and found.count == len(names)
    assert sorted(found.details["packages"]) == [f"{name} (not installed)" for name in names]
    assert found.message.count("(not installed)") == 5
    assert f" and {len(names) - 5} more) do not fit; {INSTALL}" in found.message


def test_a_package_of_a_package_that_is_not_installed(monkeypatch, tmp_path, one):
    only_packages(monkeypatch, tmp_path / "site", lambda name: name != "traitlets")
    assert one("packages").details["packages"] == ["traitlets (not installed)"]


def test_mlsd_itself_is_not_installed(monkeypatch, tmp_path, one):
    only_packages(monkeypatch, tmp_path / "site", lambda name: name != "mlsd")
    found = one("packages")
    assert found.details["packages"] == ["mlsd (not installed)"] and INSTALL in found.message


INSTALLED = "".join(f"{found.name}=={found.version}\n" for found in importlib.metadata.distributions())
LOCK = f"# as installed\n\n{INSTALLED}numpy==0.0.2 ; python_version < '3'\n"
NEEDED = sorted(
    {"numpy", "pandas", "scikit-learn", "lightgbm", "jupyterlab", "tornado", "traitlets", "httpx"}
)


@settings(max_examples=12)
@given(
    changed=st.sets(st.sampled_from(NEEDED)), idle=st.sets(st.sampled_from(["ruff", "mypy", "pytest-xdist"]))
)
def test_whatever_differs_is_counted_and_at_most_five_are_named(tmp_path_factory, changed, idle):
    lock = LOCK
    for name in changed | idle:  # `idle` belongs to who writes labs, not to who does them
        lock = re.sub(rf"(?m)^{name}==[^ ;\n]+$", f"{name}==0.0.1", lock)
    path = tmp_path_factory.mktemp("lock") / "requirements.lock"
    path.write_text(lock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "lock_file", lambda: path)
        patch.setattr(doctor, "ROWS", {"packages": doctor.ROWS["packages"]})
        (found,) = examine()
    assert found.ok == (not changed) and found.count == len(changed)
    assert found.message.count("(locked: 0.0.1)") == min(len(changed), 5)
    assert (f"and {len(changed) - 5} more" in found.message) == (len(changed) > 5)


def test_without_a_lock(monkeypatch, one):
    monkeypatch.setattr(home, "lock_file", lambda: None)
    found = one("packages")
    assert not found.ok and found.severity == "warning"
    assert found.message == (
        "the list of locked versions (requirements.lock) is not here, so none was compared; install mlsd anew"
    )


# ---- kernel ---------------------------------------------------------------------------------------

ANOTHER_PYTHON = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mlsd":
            raise ModuleNotFoundError("No module named 'mlsd'", name="mlsd")
sys.meta_path.insert(0, Without())
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""
ANOTHER_LANGUAGE = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
class Mute(Kernel):
    implementation = language = banner = implementation_version = "mute"
    language_info = {"name": "mute", "mimetype": "text/plain", "file_extension": ".txt"}
    async def do_execute(self, code, silent, *rest, **more):
        return {"status": "ok", "execution_count": 0, "payload": [], "user_expressions": {}}
IPKernelApp.launch_instance(kernel_class=Mute)
"""


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """Let Jupyter find another command under the name of our kernel; it is really started."""

    def install(*command):
        place = tmp_path / "jupyter" / "kernels" / "python3"
        place.mkdir(parents=True)
        about = {"argv": [*command, "-f", "{connection_file}"], "display_name": "x", "language": "python"}
        (place / "kernel.json").write_text(json.dumps(about))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    return install


def test_a_kernel_that_never_answers(monkeypatch, tmp_path, kernel, one):
    told = tmp_path / "pid"
    sleep = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    kernel(sys.executable, "-c", sleep)
    monkeypatch.setattr(doctor, "SECONDS", 3.0)
    assert one("kernel").message == (
        "the notebook kernel does not answer within 3 seconds; "
        "run: python -m pip install --force-reinstall ipykernel"
    )
    with pytest.raises(ProcessLookupError):  # it was ended
        os.kill(int(told.read_text()), 0)


KERNELS = {
    "ends": (
        [sys.executable, "-c", "raise SystemExit('no module named zmq')"],
        "the notebook kernel ends at once: no module named zmq; "
        "run: python -m pip install --force-reinstall ipykernel",
    ),
    "another Python": (
        [sys.executable, "-c", ANOTHER_PYTHON],
        "the notebook kernel runs in another Python, which has no mlsd; "
        "run: python -m ipykernel install --sys-prefix",
    ),
    "another language": (
        [sys.executable, "-c", ANOTHER_LANGUAGE],
        "the notebook kernel answers nothing to 1 + 1; run: python -m ipykernel install --sys-prefix",
    ),
    "a command that is gone": (
        ["/gone/python"],
        "no notebook kernel can be started: [Errno 2] No such file or directory: '/gone/python'; "
        "run: python -m ipykernel install --sys-prefix",
    ),
}


@pytest.mark.parametrize(("command", "sentence"), KERNELS.values(), ids=KERNELS)
def test_a_kernel_that_does_not_work(kernel, one, command, sentence):
    kernel(*command)
    found = one("kernel")
    assert not found.ok and found.severity == "error"
    assert found.message == sentence


def test_a_file_that_hides_a_package(tmp_path, one):
    (tmp_path / "pandas.py").write_text("raise ImportError('this is my own file')\n")
    assert one("kernel").message == (
        "the notebook kernel cannot import mlsd: ImportError: this is my own file; "
        f"if a file of yours has the name of a package, rename it, else {INSTALL}"
    )


def test_without_jupyter(monkeypatch, one):
    monkeypatch.setitem(sys.modules, "jupyter_client.manager", None)
    assert re.fullmatch(
        rf"no notebook kernel can be started: .*jupyter_client\.manager.*; {re.escape(INSTALL)}",
        one("kernel").message,
    )


# ---- disk -----------------------------------------------------------------------------------------

LOOK = """
from pathlib import Path
from mlsd.course import doctor
doctor.ROWS = {"disk": doctor.ROWS["disk"]}
(found,) = doctor.examine(Path(folder))
print(found.severity, found.ok, list(Path(folder).iterdir()), found.message, sep="|")
"""


@pytest.mark.parametrize("kind", hardship.FULL)
def test_a_full_disk(kind, tmp_path):
    why = {
        "limit": "file too large; choose a folder you may write to",
        "disk": "no space left on device; free some space",
    }
    assert hardship.on_full_disk(kind, tmp_path, LOOK) == (
        f"error|False|[]|cannot use {tmp_path}: {why[kind]}\n"
    )


@pytest.mark.parametrize("kind", hardship.READ_ONLY)
def test_a_read_only_disk(kind, tmp_path):
    why = {"permissions": "permission denied", "disk": "read-only file system"}
    assert hardship.on_read_only_disk(kind, tmp_path, LOOK) == (
        f"error|False|[]|cannot use {tmp_path}: {why[kind]}; choose a folder you may write to\n"
    )


@pytest.mark.parametrize("kind", ["stand-in", *(["disk"] if hardship.OWN_MOUNTS else [])])
def test_a_small_disk(kind, tmp_path):
    """The stand-in, for where no disk can be mounted, wants more than any disk has."""
    wanted = {"stand-in": "1e+09", "disk": "1"}[kind]
    text = LOOK.replace("doctor.ROWS =", f"doctor.FREE = {wanted}; doctor.ROWS =")
    if kind == "disk":
        said = hardship.on_full_disk(kind, tmp_path, text, kilobytes=40_000)
    else:
        said = hardship.run_python(f"folder = {str(tmp_path)!r}\n{text}")
    sentence = rf"GB are free in {tmp_path}, expected {re.escape(wanted)}; delete what you can spare"
    assert re.fullmatch(rf"error\|False\|\[\]\|\d+\.\d {sentence}\n", said)


def test_a_disk_that_forgets(monkeypatch, tmp_path, one):
    """A stand-in: there is no such disk at hand."""
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"")
    assert one("disk").message == (
        f"{tmp_path} gives back other bytes than were written; work on another disk"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path, one):
    gone = tmp_path / "gone"
    assert one("disk", gone).message == (
        f"there is no folder {gone}; make it, or go to another one and try again"
    )
    assert not gone.exists()
    assert one("kernel", gone).ok and one("libgomp", gone).ok


# ---- browser --------------------------------------------------------------------------------------


@pytest.fixture
def browsers(monkeypatch, tmp_path):
    """A computer on which only these programs are installed."""

    def install(*names, **environment):
        (tmp_path / "bin").mkdir()
        for name in names:
            program = tmp_path / "bin" / name
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
        for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"PATH": str(tmp_path / "bin"), **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
        importlib.reload(webbrowser)  # it looks once and remembers

    yield install
    monkeypatch.undo()
    importlib.reload(webbrowser)


@pytest.mark.parametrize(
    ("programs", "environment"),
    [
        ([], {}),
        ([], {"BROWSER": "/gone/firefox"}),
        (["w3m"], {}),
        (["w3m"], {"BROWSER": "w3m"}),
        (["xdg-open"], {"DISPLAY": ":0"}),
    ],
)
def test_no_browser(browsers, one, programs, environment):
    browsers(*programs, **environment)
    found = one("browser")
    assert not found.ok and found.severity == "warning"
    assert found.message == (
        "no web browser was found; install Firefox or Chromium, "
        "or open the address that JupyterLab prints by hand"
    )


@pytest.mark.parametrize(
    ("programs", "environment", "name"),
    [
        (["chromium"], {}, "chromium"),
        (["w3m", "firefox"], {}, "firefox"),
        (["xdg-open", "firefox"], {"DISPLAY": ":0"}, "firefox"),
        (["mosaic"], {"BROWSER": "mosaic"}, "mosaic"),
    ],
)
def test_a_browser(browsers, one, programs, environment, name):
    browsers(*programs, **environment)
    found = one("browser")
    assert found.ok and found.value == name


# ---- libgomp --------------------------------------------------------------------------------------

OPENMP = {
    "Linux": (
        "libgomp.so.1: cannot open shared object file: No such file or directory",
        "apt-get install libgomp1 (Debian, Ubuntu) or dnf install libgomp (Fedora)",
    ),
    "Darwin": (
        "dlopen(lib_lightgbm.dylib, 0x0006): Library not loaded: @rpath/libomp.dylib\n  Reason: tried: '/opt'",
        "brew install libomp",
    ),
    "Windows": (
        "Could not find module 'lib_lightgbm.dll' (or one of its dependencies)",
        "install the Microsoft Visual C++ Redistributable",
    ),
}


@pytest.mark.parametrize("system", OPENMP)
def test_without_the_library_of_threads(monkeypatch, tmp_path, one, system):
    """A module that fails in the words of each system, really imported by another process."""
    said, todo = OPENMP[system]
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    (tmp_path / "lightgbm.py").write_text(f"raise OSError({said!r})\n")
    found = one("libgomp")
    assert not found.ok and found.severity == "error"
    assert found.message == f"LightGBM does not start: OSError: {said.splitlines()[0]}; {todo}"


LOADED = (
    "import lightgbm\n"
    "maps = [line.rstrip().split(None, 5)[-1] for line in open('/proc/self/maps') if '/libgomp' in line]\n"
    "print(*set(maps), sep=chr(10))"
)


@pytest.mark.parametrize("kind", ["stand-in", *(["hidden"] if hardship.OWN_MOUNTS else [])])
def test_the_library_of_threads_is_gone(kind, tmp_path):
    """Really hidden from one process; the stand-in for elsewhere is a module that looks for another."""
    prefix = []
    if kind == "hidden":
        found = hardship.run_python(LOADED).splitlines()  # a path may hold a space
        mounts = "".join(f'mount --bind /dev/null "{path}" && ' for path in found)
        prefix = [*hardship.OWN_MOUNTS, "sh", "-c", mounts + 'exec "$@"', "sh"]
    else:
        (tmp_path / "lightgbm.py").write_text("import ctypes; ctypes.CDLL('libgomp.so.0')\n")
    text = LOOK.replace('"disk"', '"libgomp"').replace(".iterdir()", ".glob('*.gone')")
    said = hardship.run_python(f"folder = {str(tmp_path)!r}\n{text}", prefix=prefix)
    assert said.startswith("error|False|[]|LightGBM does not start: OSError: ")
    assert any(todo in said for _, todo in OPENMP.values())


WRONG = """
import numpy
class Dataset:
    def __init__(self, *given): pass
class train(Dataset):
    def __init__(self, *given, **more): pass
    def predict(self, x): return numpy.array([0.5, 0.5])
"""
ANEW = "; run: python -m pip install --force-reinstall --no-deps lightgbm"
LIGHTGBMS = {
    "gone": (
        "raise ModuleNotFoundError(\"No module named 'lightgbm'\")",
        f"LightGBM trains no model: ModuleNotFoundError: No module named 'lightgbm'{ANEW}",
    ),
    "ends the process": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        f"LightGBM trains no model: it ended with code -9{ANEW}",
    ),
    "learns nothing": (WRONG, f"LightGBM trains no model: it ended with code 0 0.5 and 0.5{ANEW}"),
    "hangs": ("import time; time.sleep(600)", f"LightGBM trains no model within 2 seconds{ANEW}"),
}


@pytest.mark.parametrize(("text", "sentence"), LIGHTGBMS.values(), ids=LIGHTGBMS)
def test_a_broken_lightgbm(monkeypatch, tmp_path, one, text, sentence):
    if "sleep" in text:
        monkeypatch.setattr(doctor, "SECONDS", 2.0)
    (tmp_path / "lightgbm.py").write_text(text)
    found = one("libgomp")
    assert not found.ok and found.severity == "error"
    assert found.message == sentence


# ---- ports ----------------------------------------------------------------------------------------


def _own_network():
    """How to run a command in a network that nobody reaches, or None where that is forbidden."""
    for how in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare") and subprocess.run([*how, "true"], capture_output=True).returncode == 0:
            return how
    return None


NO_MORE_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\ndoctor.ROWS ="
OWN_NETWORK = _own_network()


@pytest.mark.parametrize("kind", ["no more files", *(["no way"] if OWN_NETWORK else [])])
def test_a_computer_that_does_not_reach_itself(kind):
    """Really: a process that may open nothing more, or one in a network without any way."""
    text = f"folder = '/dev/null'\n{LOOK.replace('disk', 'ports').replace('.iterdir()', '.parts')}"
    if kind == "no more files":
        said = hardship.run_python(text.replace("doctor.ROWS =", NO_MORE_FILES))
    else:
        said = hardship.run_python(text, prefix=OWN_NETWORK)
    why = {"no more files": "Too many open files", "no way": "Network is unreachable"}[kind]
    assert re.search(
        rf"error\|False\|.*\|no program here reaches another through 127\.0\.0\.1: \[Errno \d+\] {why}; "
        r"let Python use 127\.0\.0\.1 in the firewall or security program of this computer\n",
        said,
    )


@pytest.mark.parametrize("heard", [b"", b"nope"])
def test_something_in_between(monkeypatch, one, heard):
    """A stand-in: a security program that answers in the place of ours."""

    class Between(doctor.socket.socket):
        def recv(self, size):
            return heard

    monkeypatch.setattr(doctor.socket, "socket", Between)
    found = one("ports")
    assert not found.ok and found.severity == "error"
    assert ": other bytes arrive than were sent; let Python use 127.0.0.1 in the" in found.message


# ---- docs -----------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_the_page_shows_what_is_printed(healthy):
    shown = re.search(r"```text\n(this computer.*?)```", PAGE, re.S).group(1).splitlines()
    printed = str(healthy).splitlines()
    rows = {line.split()[1]: line for line in printed[1:]}
    assert shown[0] == f"this computer: ok, {len(doctor.ROWS)} findings"
    assert [line.split()[1] for line in shown[1:]] == list(doctor.ROWS)
    for line in shown[1:]:
        row = rows[line.split()[1]]
        if row.split()[0] == "ok":  # a computer without a browser is told so
            assert re.sub(r"\d+", "0", line) == re.sub(r"\d+", "0", row)


def test_the_page_explains_every_row():
    assert re.findall(r"(?m)^## (\w+)$", PAGE) == list(doctor.ROWS)


def test_the_page_and_the_sentences_name_the_same_commands():
    commands = r"python -m (?:pip|ipykernel)[^\n`;{']*|(?:apt-get|dnf|brew) install \w+"
    files = [ROOT / "mlsd" / "course" / name for name in ("doctor.py", "packages.py")]
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)

    def named(text):
        found = {command.strip().removesuffix('"').strip() for command in re.findall(commands, text)}
        return {command.removesuffix(" requirements.lock") for command in found}

    assert named(PAGE) == named(code)
