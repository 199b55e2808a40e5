"""Workers: starting them, asking them, and waiting until their threads sleep."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import timing

ROOT = Path(__file__).resolve().parents[2]
# Every variable that a rival or the BLAS below it may take its thread count from.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "FASTCONV_NUM_THREADS",
)
# A worker that does not answer for this long is given up.
PATIENCE = 120.0


class WorkerDied(Exception):
    """A worker ended or fell silent; the message says how."""


class Worker:
    """One rival in a process of its own."""

    def __init__(self, rival, threads, python=sys.executable):
        self.rival, self._threads, self._python = rival, threads, python
        self.missing = self.version = None
        self._process = self._errors = None

    def start(self):
        """Start the process; afterwards `missing` or `version` is a line of text."""
        environment = dict(os.environ)
        environment.update(dict.fromkeys(THREAD_VARIABLES, str(self._threads)))
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), path)))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [self._python, "-m", "benchmarks.peers.worker", self.rival.name, str(self._threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        try:
            hello = self._receive()
        except WorkerDied as death:
            hello = {"missing": str(death)}
        self.missing, self.version = hello.get("missing"), hello.get("version")
        if self.missing is not None:
            self.stop()

    def ask(self, **request):
        """Send a request, wait for its answer. After WorkerDied the worker can be started anew."""
        if self._process is None:
            raise WorkerDied(self.missing)
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        return self._receive()

    def rest(self):
        """Return when the worker's threads sleep: those that spin would slow the next one.

        Rivals keep the waiting policy they ship with, which is part of their speed; what this
        costs is only time between bursts.
        """
        clock = (~self._process.pid << 3) | 2  # Linux: the clock of another process
        timing.rest(lambda: time.clock_gettime(clock))

    def stop(self):
        """End the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()
        self._process = None

    def _receive(self):
        deadline = time.monotonic() + PATIENCE
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select(
                [self._process.stdout], [], [], max(0.0, deadline - time.monotonic())
            )
            if not ready:
                self.stop()
                raise WorkerDied(f"no answer within {PATIENCE:.0f} s")
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                raise self._death()
            line += part
        return json.loads(line)

    def _death(self):
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        self.stop()
        how = f"signal {-code}" if code < 0 else f"status {code}"
        return WorkerDied(f"its process ended with {how}" + (f": {said[-1]}" if said else ""))
