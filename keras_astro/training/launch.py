"""A group of worker processes on this machine that lives and dies as one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from keras_astro.data.parallel import die_with
from keras_astro.errors import KastroError
from keras_astro.training.cluster import Cluster

PROGRAM = (sys.executable, "-c", "from keras_astro.cli.main import main; main()")
# Ends that another try would only repeat: usage, settings, data, artefact, check.
FINAL = (2, 3, 4, 5, 6)
PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.05
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KastroError):
    """A signal asked the group to end.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int):
        super().__init__(
            f"stopped by {signal.Signals(number).name}",
            hint="Call it again with --resume to continue.",
        )
        self.exit_code = 128 + number


class Group:
    """Workers that run one command with their places in `TF_CONFIG`.

    They are in one process group, and the kernel kills each of them when this process
    dies, however it dies: no worker is left to write into a run that goes on elsewhere.

    Args:
        command: Program and words.
        workers: How many.
    """

    def __init__(self, command: Sequence[str], workers: int):
        addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(workers))
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        parent, self.members = os.getpid(), []
        for index in range(workers):
            environment = {
                "TF_NUM_INTRAOP_THREADS": threads,
                "TF_NUM_INTEROP_THREADS": threads,
                **os.environ,
                "TF_CONFIG": Cluster(addresses, index).tf_config(),
                "KASTRO_LAUNCHED": str(parent),
            }
            member = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                process_group=self.members[0].pid if self.members else 0,
                preexec_fn=lambda: _tie_to(parent),
            )
            self.members.append(member)

    def wait(self) -> tuple[int, int]:
        """Waits until all have ended well, or ends all when one has not.

        Returns:
            The worker that decided the end, and its exit code: 0, that of a refusal,
            or minus the signal that killed it.
        """
        while True:
            codes = [member.poll() for member in self.members]
            bad = [i for i, code in enumerate(codes) if code]
            if bad or None not in codes:
                break
            time.sleep(POLL_SECONDS)
        if not bad:
            return 0, 0
        first = culprit(codes)
        self.end()
        # A worker that was refused says more than those that only missed it.
        told = [i for i, m in enumerate(self.members) if m.returncode in FINAL]
        first = next(iter(told), first)
        return first, self.members[first].returncode

    def signal(self, number: int) -> None:
        """Passes a signal on to every worker that lives."""
        for member in self.members:
            if member.poll() is None:
                # It may end between the two.
                with contextlib.suppress(ProcessLookupError):
                    member.send_signal(number)

    def end(self, patience: float = PATIENCE_SECONDS) -> None:
        """Ends all workers, by force those that do not end by themselves."""
        self.signal(signal.SIGTERM)
        self.settle(patience)

    def settle(self, patience: float) -> None:
        """Gives all workers some seconds to end, then kills them."""
        until = time.monotonic() + patience
        for member in self.members:
            with contextlib.suppress(subprocess.TimeoutExpired):
                member.wait(max(0.0, until - time.monotonic()))
        self.signal(signal.SIGKILL)
        for member in self.members:
            member.wait()


def launch(
    words: Sequence[str],
    *,
    workers: int,
    retries: int,
    story: Callable[[str], None],
    program: Sequence[str] = PROGRAM,
) -> None:
    """Trains with workers of this machine; if one dies, all go on from a checkpoint.

    Args:
        words: Of `kastro`, beginning with the verb.
        workers: How many processes.
        retries: How often all workers may be started again.
        story: Told what happens.
        program: What takes the words.

    Raises:
        Stopped: If a signal asked for the end; the workers got it too.
        KastroError: With the exit code of a worker that was refused, or when the
            retries are used up.
    """
    words = list(words)
    for left in range(retries, -1, -1):
        group = Group([*program, *words], workers)
        with _forwarding(group):
            index, code = group.wait()
        if code == 0:
            return
        end = _named(code)
        if code in FINAL:
            error = KastroError(
                f"worker {index} {end}, so all {workers} ended",
                hint=f"Mend what worker {index} says above, then give the same command "
                "again.",
            )
            error.exit_code = code
            raise error
        words = resumed(words)
        if left:
            story(f"worker {index} {end}: all {workers} go on from the last checkpoint")
    raise KastroError(
        f"worker {index} {end}, after {retries} restarts of all {workers}",
        hint="Continue with --resume when the cause is removed.",
    )


def resumed(words: Sequence[str]) -> list[str]:
    """The words that continue what other words began.

    Example:
        >>> resumed(["train", "cgm", "-o", "run", "--overwrite"])
        ['train', 'cgm', '-o', 'run', '--resume']
    """
    kept = [word for word in words if word not in ("--overwrite", "--resume")]
    return [*kept, "--resume"]


def culprit(codes: Sequence[int | None]) -> int:
    """The worker that ended its group, by the exit codes at that moment.

    TensorFlow usually aborts a worker because a peer of it was gone before.

    Example:
        >>> culprit([-signal.SIGABRT, -signal.SIGKILL, None])
        1
        >>> culprit([0, None, -signal.SIGABRT])
        2
    """
    bad = [index for index, code in enumerate(codes) if code]
    return min(bad, key=lambda index: codes[index] == -signal.SIGABRT)


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def _forwarding(group: Group):
    """Passes signals on; the first one also ends the wait."""

    def forward(number, frame):
        group.signal(number)
        raise Stopped(number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    except Stopped:
        # A second signal must not cut short the saving of the first.
        for number in FORWARDED:
            signal.signal(number, lambda again, frame: group.signal(again))
        group.settle(6 * PATIENCE_SECONDS)
        raise
    except BaseException:
        group.end()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _named(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def _tie_to(parent: int) -> None:
    """In the child, before it is the program: to die with the parent."""
    # In a job of a shell's background Ctrl-C is ignored, and a child inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with(parent)
