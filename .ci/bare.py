"""What a stranger gets: from a folder of wheels to a verdict in two commands, on each Python that is named.

`python .ci/bare.py python3.11 python3.12 ...`. Each Python stands in a root of its own that holds the interpreter, its
standard library and the C libraries that these load: no shell, compiler, git, network or other process, and an account
without a name. Making that root needs root on Linux; without it the same two commands run in an empty environment.
Only fetching the wheels needs an index.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOBODY = 10001
LOADED = re.compile(r"(?:=> )?(/\S+) \(0x")
BESIDE = re.compile(r"lib(stdc\+\+|gcc_s|c|dl|m|pthread|resolv|rt|util)\.so\.\d+ .*x86-64")
"""What every image of Debian holds besides, and compiled wheels rest on: the C and C++ runtimes."""
SEALED = ("unshare", "--net", "--ipc", "--mount", "--pid", "--fork", "chroot", f"--userspec={NOBODY}:{NOBODY}")


def ask(python: str, expression: str) -> str:
    """What an interpreter says of itself."""
    code = f"import sys, sysconfig; print({expression})"
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def root_of(python: str, root: Path) -> str:
    """Copy an interpreter with all that it loads to the same places below `root`; its path there."""
    program = Path(ask(python, "sys._base_executable")).resolve()
    library = Path(ask(python, "sysconfig.get_path('stdlib')")).resolve()
    left_out = shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__", "config-*")
    shutil.copytree(library, root / library.relative_to("/"), ignore=left_out)
    copied = [program, *library.rglob("*.so")]
    listed = subprocess.run(["ldd", *map(str, copied)], check=False, capture_output=True, text=True).stdout
    cached = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    beside = [line.rpartition("=> ")[2] for line in cached.splitlines() if BESIDE.match(line.strip())]
    for file in {str(program), *LOADED.findall(listed), *beside}:
        (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / file[1:])
    root.chmod(0o755)
    for folder in ("dev", "tmp", "home"):
        (root / folder).mkdir()
    for device, minor in (("null", 3), ("urandom", 9)):
        os.mknod(root / "dev" / device, 0o020666, os.makedev(1, minor))
        (root / "dev" / device).chmod(0o666)
    for folder in ("tmp", "home"):
        (root / folder).chmod(0o1777)
    return str(program)


def measured(command: list[str], environment: dict[str, str], folder: Path) -> tuple[str, str]:
    """What a command printed, and what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, cwd=folder, check=False, capture_output=True, text=True)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, f"{seconds:.0f} s ({processor:.0f} of processor time)"


def tried(python: str, wheel: Path, extra: str, wheels: Path, place: Path) -> str:
    """Install and demo with nothing but this Python; one line about it."""
    if os.geteuid() == 0:
        program, home = root_of(python, place), "/home"
        shutil.copytree(wheels, place / "wheels")
        sealed, folder = [*SEALED, str(place)], "/wheels"
    else:
        program, home, sealed, folder = ask(python, "sys._base_executable"), str(place), [], str(wheels)
    environment = {"HOME": home, "PATH": f"{home}/own/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
    pip = next(wheels.glob("pip-*.whl")).name
    own = f"{home}/own/bin/python"
    measured([*sealed, program, "-m", "venv", "--without-pip", f"{home}/own"], environment, place)
    install = [own, f"{folder}/{pip}/pip", "install", "--no-index", "--find-links", folder, f"stagegap{extra}"]
    _, installed = measured([*sealed, *install], environment, place)
    begin = f"import os; os.chdir({home!r}); from stagegap.cli import main; main()"
    demo = [own, "-c", begin, "demo", "--no-app"]
    printed, shown = measured([*sealed, *demo], environment, place)
    verdict = next(line for line in printed.splitlines() if line.endswith("holds this system back."))
    files = (place / home.lstrip("/") / "own").rglob("*") if sealed else (place / "own").rglob("*")
    megabytes = sum(path.lstat().st_size for path in files) / 2**20
    where = "alone in a root of its own" if sealed else "in an empty environment"
    version = ask(python, "sys.version.split()[0]")
    name = f"{wheel.name.split('-')[1]}{extra}"
    return f"Python {version} {where}, {name}: install {installed}, {megabytes:.0f} MB; demo {shown}: {verdict}"


def main() -> None:
    """Build the wheel, fetch what it needs for each Python, and print what installing and the demo took."""
    with tempfile.TemporaryDirectory() as work:
        dist = Path(work) / "dist"
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(ROOT)]
        subprocess.run(build, check=True, capture_output=True)
        (wheel,) = dist.glob("*.whl")
        for number, python in enumerate(sys.argv[1:]):
            wheels = Path(work) / f"wheels-{number}"
            fetch = ["download", "--quiet", "--only-binary", ":all:", "--dest", str(wheels), f"{wheel}[app]", "pip"]
            subprocess.run([python, "-m", "pip", *fetch], check=True, stderr=subprocess.DEVNULL)
            for extra in ("", "[app]"):
                with tempfile.TemporaryDirectory(dir=work) as place:
                    sys.stdout.write(tried(python, wheel, extra, wheels, Path(place)) + "\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main()
