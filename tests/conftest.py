"""Tests neither read nor write the user's wisdom; those about wisdom name files of their own."""

import os

import pytest
from eager import every_thread

import fastconv

os.environ["FASTCONV_WISDOM"] = "off"


@pytest.fixture
def no_wisdom(tmp_path, monkeypatch):
    """A wisdom file of the test's own, with nothing in it."""
    monkeypatch.setenv("FASTCONV_WISDOM", str(tmp_path / "wisdom.json"))
    fastconv.wisdom.clear()
    yield
    fastconv.wisdom.clear()


@pytest.fixture
def every_thread_asked_for():
    """Threads work on small problems too."""
    with every_thread():
        yield


@pytest.fixture
def stood(request, monkeypatch):
    """What every run of `room`, a name in the test's module, said of its result."""
    room, said = request.module.room, []
    run = room.run

    def recording(*arguments):
        said.append(run(*arguments))
        return said[-1]

    monkeypatch.setattr(room, "run", recording)
    return said
