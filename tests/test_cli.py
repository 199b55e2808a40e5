"""The command line: help, ``info``, and what the README shows."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy

import fastconv
from fastconv import __main__ as cli, _commands
from fastconv._kernels import isa

README = Path(__file__).parents[1] / "README.md"
FACE = ("name", "summary", "examples", "add_arguments", "run")


def test_without_a_command_it_prints_help(capsys):
    assert cli.main([]) == 0
    printed = capsys.readouterr().out
    for command in _commands.COMMANDS:
        assert re.search(rf"^ +{command.name} +\w", printed, re.M)


@pytest.mark.parametrize("command", _commands.COMMANDS, ids=lambda command: command.name)
def test_every_command_has_the_face_and_help_with_examples(command, capsys):
    assert all(hasattr(command, part) for part in FACE)
    with pytest.raises(SystemExit) as stop:
        cli.main([command.name, "--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert all(example in printed for example in command.examples)


def test_unknown_command_is_an_error(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["juggle"])
    assert stop.value.code == 2
    assert "juggle" in capsys.readouterr().err


def test_info_names_levels_and_versions(capsys, monkeypatch):
    monkeypatch.setenv("FASTCONV_NUM_THREADS", "3")
    with fastconv.config(threads=2):
        assert cli.main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = dict(re.split(r" {2,}", line, maxsplit=1) for line in lines)
    assert facts["kernel level"].startswith(isa.active())
    assert all(level in facts["kernel level"] for level in isa.available())
    assert facts["NumPy"] == np.__version__
    assert facts["SciPy"] == scipy.__version__
    assert facts["threads"] == "2"
    assert "FASTCONV_NUM_THREADS=3" in facts["environment"]


def test_module_runs_as_a_process():
    command = [sys.executable, "-m", "fastconv", "info"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "kernel level" in done.stdout


def test_readme_example_runs_and_prints_what_it_says(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.S | re.M)
    exec(compile(example, "README.md", "exec"), {})
    promised = example.splitlines()[-1].removeprefix("# ")
    assert capsys.readouterr().out.strip() == promised


def test_readme_has_two_commands_for_ci_to_run():
    section = re.search(r"^## Two commands\n(.*?)^## ", README.read_text(), re.S | re.M)[1]
    install, test = re.findall(r"^```sh\n(.*?)^```", section, re.S | re.M)
    assert install.endswith("python -m fastconv demo\n")
    assert test.endswith("python -m pytest\n")


def test_links_of_the_readme_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text())
    assert targets
    assert [target for target in targets if not (README.parent / target).exists()] == []
