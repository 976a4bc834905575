"""Builds a release, and proves that what was built installs and works. The result is in `dist/`.

python -m tools.release [--quick] [--python PATH ...]

1. an sdist and a wheel, twice, which must be the same byte by byte;
2. what is in them; twine, check-wheel-contents, the workflows against their schema;
3. for each Python an empty environment: the core alone, and each extra alone; the demo in process, each
   public name, the command, and what is said where an extra is missing;
4. the types of the installed wheel: complete for pyright, and a program that uses it is checked by mypy;
5. the tests of the sdist, from the unpacked sdist; on the newest versions of everything.

`--quick` leaves out 5, and all Pythons but the one that runs this.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DIST: Final = ROOT / "dist"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS: Final = {"dev", "bench", "docs"}  # extras for those who work on cfclient
TOOLS: Final = ("build", "twine", "check-wheel-contents", "check-jsonschema", "hatchling", "uv")
VERSIONS: Final = ("3.11", "3.12", "3.13")

#: what must be in the wheel beside the modules, and what in the sdist beside that
WHEEL: Final = ("cfclient/py.typed", *(f"cfclient/audit/report/page/page.{kind}" for kind in ("html", "css", "js")))
SDIST: Final = ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "constraints.txt")
SDIST_FOLDERS: Final = ("cfclient", "tests", "tests/data", "docs", "examples", "benchmarks", "tools")
UNWANTED: Final = (".pyc", "__pycache__", ".venv", ".coverage", ".sqlite", ".log", ".env", ".pytest_cache", ".DS_Store")

#: runs in an environment that has the wheel: every name, and the demo account audited
WORKS: Final = """
import asyncio, cfclient
for name in cfclient.__all__:
    assert getattr(cfclient, name) is not None, name
async def main():
    async with cfclient.connect("emulator:?zones=5") as cf, cfclient.audit(cf) as run:
        read = [zone async for zone in run]
    assert len(read) == 5 and run.summary.complete and any(zone.findings for zone in read)
asyncio.run(main())
print("works")
"""

#: what each extra makes possible, as a program that fails where it does not
OF_EXTRA: Final = {
    "cli": 'from cfclient.cli import main; assert main(["audit", "--demo"]) == 1',
    "server": "import cfclient.serving, uvicorn",
    "redis": "import cfclient.pace.redis",
    "aiohttp": "import cfclient.http.aiohttp",
    "pycurl": "import cfclient.http.pycurl",
    "html": "import jinja2, vl_convert; from cfclient.audit.report import as_html",
    "parquet": "import pyarrow.parquet; from cfclient.audit.report import as_parquet",
    "zonefile": 'import cfclient.zonefile as z; z.read("www 300 IN A 192.0.2.1\\n", zone="example.com")',
    "otel": "import opentelemetry.trace, opentelemetry.metrics",
    "keyring": "import keyring",
}

#: what asks for an extra where it is not installed; the error has to name it
WITHOUT: Final = """
import asyncio, cfclient
async def tried(**options):
    try:
        async with cfclient.connect("https://v1.example.net/", email="a@example.com", token="k", **options):
            pass
    except cfclient.ConfigurationError as error:
        return str(error)
    return "no error"
print(asyncio.run(tried(http="aiohttp")))
print(asyncio.run(tried(http="pycurl")))
import cfclient.zonefile
try:
    cfclient.zonefile.read("www 300 IN A 192.0.2.1", zone="example.com")
except cfclient.ConfigurationError as error:
    print(error)
"""

#: a program of a user's, for mypy: it is right as it stands, and the marked line is wrong
CONSUMER: Final = """
import cfclient

async def names(cf: cfclient.Client) -> list[str]:
    return [zone.zone_name async for zone in cf.zones()]

async def wrong(cf: cfclient.Client) -> int:
    return (await cf.zone_settings("example.com")).sec_lvl  # WRONG
"""


def run(*command: str | Path, cwd: Path = ROOT, code: int = 0, **environment: str) -> str:
    """What it printed; anything but this exit code ends the release."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != code:
        raise SystemExit(
            f"{' '.join(map(str, command))[:300]}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout + done.stderr


def say(text: str) -> None:
    """At once, because the next step takes long."""
    print(text, flush=True)


def interpreter(version: str) -> str:
    """On the PATH, or one that pyenv keeps."""
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
        return found
    kept = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}.*"))
    if not kept:
        raise SystemExit(f"there is no Python {version} here")
    return str(kept[-1] / "bin" / "python")


def tools(folder: Path) -> Path:
    """A folder of programs in an environment of their own."""
    run(interpreter("3.11"), "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *TOOLS)
    return folder / "bin"


def build(bin_: Path, out: Path) -> list[Path]:
    """The sdist, and the wheel made from it; dated by the last change, so that it can be built again."""
    shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    dated = os.environ.get("SOURCE_DATE_EPOCH") or shown.stdout.strip() or "1700000000"
    run(bin_ / "python", "-m", "build", "--no-isolation", "--outdir", out, SOURCE_DATE_EPOCH=dated)
    return sorted(out.iterdir())


def digests(files: list[Path]) -> dict[str, str]:
    """The SHA-256 of each, by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def contents(sdist: Path, wheel: Path) -> None:
    """Everything that is wanted, and nothing that is not."""
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = archive.namelist()
    with tarfile.open(sdist) as unpacked:
        in_sdist = [name.partition("/")[2] for name in unpacked.getnames()]
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "cfclient").rglob("*.py")}
    wrong = [
        *(f"wheel: {name} is missing" for name in sorted({*WHEEL, *modules}.difference(in_wheel))),
        *(f"wheel: {name} is not wanted" for name in in_wheel if not name.startswith(("cfclient/", "cfclient_async-"))),
        *(f"sdist: {name} is missing" for name in sorted({*WHEEL, *SDIST, *modules}.difference(in_sdist))),
        *(
            f"sdist: {name}/ is missing"
            for name in SDIST_FOLDERS
            if not any(f.startswith(f"{name}/") for f in in_sdist)
        ),
        *(f"{name} is not wanted" for name in in_wheel + in_sdist if any(part in name for part in UNWANTED)),
    ]
    if wrong:
        raise SystemExit("\n".join(wrong))
    say(f"  {len(in_wheel)} files in the wheel, {len(in_sdist)} in the sdist, nothing missing, nothing unwanted")


def environment(bin_: Path, folder: Path, python: str, *wanted: str) -> Path:
    """An empty environment with this in it: its interpreter. uv shares files, so that it costs little."""
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-m", "venv", "--without-pip", folder)
    found = folder / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    run(bin_ / "uv", "pip", "install", "--quiet", "--python", found, "--constraint", constraints, *wanted)
    return found


def installs(bin_: Path, work: Path, python: str, wheel: Path, sdist: Path) -> None:
    """The core alone and each extra alone, from the wheel; the core from the sdist too."""
    elsewhere = work / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for what in (wheel, sdist):
        core = environment(bin_, work / "env", python, str(what))
        run(core, "-c", WORKS, cwd=elsewhere)
        said = run(core, "-c", WITHOUT, cwd=elsewhere)
        missing = [name for name in ("aiohttp", "pycurl", "zonefile") if f"cfclient-async[{name}]" not in said]
        if missing:
            raise SystemExit(f"without {missing}, nothing says what to install:\n{said}")
        told = run(work / "env/bin/cfclient", "audit", "--demo", cwd=elsewhere, code=2)
        if "cfclient-async[cli]" not in told:
            raise SystemExit(f"without the extra cli, nothing says what to install:\n{told}")
    for extra in sorted(PROJECT["optional-dependencies"].keys() - OURS):
        if extra not in OF_EXTRA:
            raise SystemExit(f"OF_EXTRA is to say what the extra {extra} makes possible")
        found = environment(bin_, work / "env", python, f"{wheel}[{extra}]")
        run(found, "-c", WORKS, cwd=elsewhere)
        run(found, "-c", OF_EXTRA[extra], cwd=elsewhere)
        if extra == "cli":
            run(work / "env/bin/cfclient", "audit", "--demo", cwd=elsewhere, code=1)
        say(f"  {run(found, '--version').strip()}: [{extra}] alone")


def types(bin_: Path, work: Path, wheel: Path) -> None:
    """Of the installed wheel, seen from outside."""
    elsewhere = work / "elsewhere"
    extras = ",".join(sorted(PROJECT["optional-dependencies"].keys() - OURS))
    python = environment(bin_, work / "types", interpreter("3.11"), f"{wheel}[{extras}]", "mypy", "pyright")
    path = f"{python.parent}:{os.environ['PATH']}"  # the environment of --verifytypes is that of `python` there
    said = run(python, "-m", "pyright", "--verifytypes", "cfclient", "--ignoreexternal", cwd=elsewhere, PATH=path)
    complete = next(line.strip() for line in said.splitlines() if "completeness score" in line)
    if not complete.endswith("100%"):
        raise SystemExit(said)
    (elsewhere / "consumer.py").write_text(CONSUMER)
    said = run(python, "-m", "mypy", "--strict", "consumer.py", cwd=elsewhere, code=1)
    line = next(number for number, text in enumerate(CONSUMER.splitlines(), 1) if "WRONG" in text)
    if f"consumer.py:{line}: error" not in said or "Found 1 error" not in said:
        raise SystemExit(f"mypy was to find one error, in line {line}:\n{said}")
    say(f"  pyright: {complete}; mypy finds the one error of a program")


def sdist_tests(bin_: Path, work: Path, sdist: Path) -> None:
    """As someone does who packages it, on the newest versions of everything; those that take long are left out."""
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "sdist", filter="data")
    (unpacked,) = (work / "sdist").iterdir()
    folder = work / "newest"
    run(interpreter("3.11"), "-m", "venv", "--without-pip", folder)
    python = folder / "bin/python"
    run(bin_ / "uv", "pip", "install", "--quiet", "--python", python, "-e", f"{unpacked}[dev]")
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    said = run(python, "-m", "pytest", "-q", "-n", "2", "-m", "not slow", cwd=unpacked, PATH=path)
    say("  " + said.strip().splitlines()[-1])


def main() -> None:
    """Everything, in turn; the first thing that is wrong ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-tests", action="store_true", help="leave out the sdist's tests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        work = Path(name)
        bin_ = tools(work / "tools")
        say("build")
        shutil.rmtree(DIST, ignore_errors=True)
        files = build(bin_, DIST)
        if digests(files) != digests(build(bin_, work / "again")):
            raise SystemExit("a second build is not the same")
        wheel, sdist = (next(path for path in files if path.name.endswith(end)) for end in (".whl", ".tar.gz"))
        for file, digest in digests(files).items():
            say(f"  {file} {digest}")
        say("contents")
        contents(sdist, wheel)
        run(bin_ / "twine", "check", "--strict", *files)
        run(bin_ / "check-wheel-contents", wheel)
        workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
        run(bin_ / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
        forms = [path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
        run(bin_ / "check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)
        say("  twine, check-wheel-contents and the schemas of workflows and issue forms have nothing to say")
        say("installs and works")
        for version in VERSIONS[:1] if options.quick else VERSIONS:
            installs(bin_, work, interpreter(version), wheel, sdist)
        say("types")
        (work / "elsewhere").mkdir(exist_ok=True)
        types(bin_, work, wheel)
        if not (options.quick or options.no_tests):
            say("the sdist's tests")
            sdist_tests(bin_, work, sdist)
    say(f"{DIST} is ready")


if __name__ == "__main__":
    main()
