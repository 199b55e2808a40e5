#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.5"]
# ///
"""Tasks of those who work in a clone; ``nox --list`` names them."""

import shlex
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
WHEEL_LIMIT_MB = 3


@nox.session
def lint(session):
    """Rules of style, spelling and configuration."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session
def types(session):
    """Types; nothing needs to be compiled for them."""
    session.install(*PROJECT["project"]["dependencies"])
    session.install(*nox.project.dependency_groups(PROJECT, "types"))
    session.run("mypy", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session):
    """Build in place and test, `nox -s tests-3.12 -- -k pool`."""
    session.install("-e", ".[demo,test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(default=False)
def docs(session):
    """The site, in docs/_build."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "docs", "docs/_build", *session.posargs)


@nox.session(python=PYTHONS, default=False)
def wheels(session):
    """Build a wheel by way of the sdist, audit it, and test it where the source is not."""
    settings = PROJECT["tool"]["cibuildwheel"]
    session.install("build", "auditwheel")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--outdir", folder)
        (wheel,) = Path(folder).glob("*.whl")
        megabytes = wheel.stat().st_size / 2**20
        session.log(f"{wheel.name}: {megabytes:.2f} MB")
        if megabytes > WHEEL_LIMIT_MB:
            session.error(f"more than {WHEEL_LIMIT_MB} MB")
        session.run("auditwheel", "show", str(wheel))
        session.install(f"{wheel}[{','.join(settings['test-extras'])}]")
        for name in settings["test-sources"]:
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy
            copy(name, Path(folder, name))
        session.chdir(folder)
        session.run(*shlex.split(settings["test-command"]), *session.posargs)


if __name__ == "__main__":
    nox.main()
