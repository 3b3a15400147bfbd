"""A chief and its workers on this machine: started, watched, started again, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keras_astro.errors import ConfigError
from keras_astro.tuning.chief import Chief
from keras_astro.tuning.hypermodel import TaskTuner

POLL_SECONDS = 0.2

# More deaths than that for each worker are no accidents.
DEATHS_A_WORKER = 3

# So long workers elsewhere have to ask once more and hear that all is done.
FAREWELL_SECONDS = 2.0


@dataclass(frozen=True)
class Team:
    """Who runs the trials of a search.

    Args:
        workers: Processes on this machine; with none, workers elsewhere do it all.
        command: From the chief's address and a worker's name to its command line.
        address: Where the chief listens; port 0 takes a free one.

    Attributes:
        deaths: How each worker that died did so.
    """

    workers: int
    command: Callable[[str, str], list[str]]
    address: str = "127.0.0.1:0"
    deaths: list[str] = field(default_factory=list, init=False)

    def run(self, tuner: TaskTuner, *, story: Callable[[str], None]) -> None:
        """Runs a search to its end.

        A worker that dies is started again, and its trial is run again. All that was
        started here is ended on the way out, also by an error.

        Args:
            tuner: The search; it runs no trial itself.
            story: Told where the chief listens, and of each death.

        Raises:
            ConfigError: If workers die again and again, or trials fail in a row.
            UsageError: If the chief cannot listen.
        """
        if tuner.oracle.exhausted:
            return
        with Chief(tuner, self.address) as chief, self._crew(tuner, chief) as crew:
            story(f"the chief listens at {chief.address}")
            while not (chief.finished and not crew):
                time.sleep(POLL_SECONDS)
                chief.check()
                self._restart_dead(crew, chief, story)
            if self.address != Team.address:
                time.sleep(FAREWELL_SECONDS)

    @contextlib.contextmanager
    def _crew(self, tuner, chief: Chief) -> Iterator[dict[str, subprocess.Popen]]:
        crew = {}
        try:
            for number in range(1, self.workers + 1):
                name = f"worker-{number}"
                crew[name] = self._start(name, tuner.folder, chief)
            yield crew
        finally:
            for process in crew.values():
                end(process)

    def _restart_dead(self, crew, chief: Chief, story) -> None:
        for name, process in list(crew.items()):
            code = process.poll()
            if code is None:
                continue
            del crew[name]
            if code == 0:
                continue
            manner = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            self.deaths.append(manner)
            story(f"{name} died {manner}; starting it again")
            chief.lost(name, f"its worker died {manner}")
            if len(self.deaths) > DEATHS_A_WORKER * self.workers:
                log = chief.tuner.folder / f"{name}.log"
                raise ConfigError(
                    f"workers died {len(self.deaths)} times, the last {manner}",
                    hint=f"What it said is in {log}. Continue with --resume.",
                )
            crew[name] = self._start(name, chief.tuner.folder, chief)

    def _start(self, name: str, folder: Path, chief: Chief) -> subprocess.Popen:
        threads = str(max(1, (os.cpu_count() or 1) // self.workers))
        shared = {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}
        with (folder / f"{name}.log").open("a") as log:
            return subprocess.Popen(
                self.command(chief.address, name),
                env={**shared, **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def kastro_worker(task: str, folder: Path) -> Callable[[str, str], list[str]]:
    """The command of a worker of the search in a run folder, for `Team`.

    Example:
        >>> kastro_worker("lensing", Path("runs/a"))("127.0.0.1:7000", "worker-1")[-4:]
        ['--chief', '127.0.0.1:7000', '--worker-id', 'worker-1']
    """
    program = "from keras_astro.cli.main import main; main()"

    def command(address: str, name: str) -> list[str]:
        options = ["-o", str(folder), "--chief", address, "--worker-id", name]
        return [sys.executable, "-P", "-c", program, "tune", task, *options]

    return command


def end(process: subprocess.Popen) -> None:
    """Ends a worker and what it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
