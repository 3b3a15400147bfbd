"""A process that other work on the same cores does not hold up."""

from __future__ import annotations

import os

from keras_astro.errors import UsageError

# The lowest real-time priority: before all ordinary work, after all other real-time.
PRIORITY = 1


def run_before_others() -> None:
    """Puts this thread, and those that it starts, before all ordinary processes.

    Linux's round-robin class (`SCHED_RR`). A batch then starts when its packets are
    there, and not when other processes have had their turns. What waits costs nothing.
    By default the kernel leaves a twentieth of each second to others, whatever this
    thread does.

    Raises:
        UsageError: If the system has no such class, or does not allow it.
    """
    if not hasattr(os, "sched_setscheduler"):
        raise UsageError(
            "--realtime: this system has no real-time scheduling of Linux",
            hint="Leave the option out.",
        )
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError as error:
        raise UsageError(
            "--realtime: this user may not ask for real-time priority",
            hint="Of a systemd unit, set CPUSchedulingPolicy=rr and leave the option "
            "out, or set LimitRTPRIO=1; of a container, add the capability SYS_NICE.",
        ) from error
    except OSError as error:
        raise UsageError(
            f"--realtime: this system refuses ({error.strerror or error})",
            hint="Leave the option out.",
        ) from error
