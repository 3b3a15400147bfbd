"""A Dask cluster as the place where tasks are worked on."""

from __future__ import annotations

import logging

from keras_astro import __version__
from keras_astro.data.parallel import Pool
from keras_astro.errors import ConfigError, KastroError, UsageError, missing_extra

PATIENCE_SECONDS = 10.0


class DaskPool(Pool):
    """The workers behind a Dask scheduler.

    They need this package in the same version, and see the files they are given.

    Args:
        address: Of the scheduler, e.g. `tcp://head:8786`.

    Raises:
        MissingExtraError: If Dask is not installed.
        UsageError: If no scheduler answers, or none of its workers.
        ConfigError: If a worker has another version of this package.
    """

    def __init__(self, address: str):
        try:
            import distributed
        except ModuleNotFoundError as error:
            raise missing_extra(
                "distributed", extra="cluster", purpose="--scheduler"
            ) from error
        # It tells of every connection that ends, also of those that should.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.distributed = distributed
        try:
            self.client = distributed.Client(
                address, timeout=PATIENCE_SECONDS, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{address}: no Dask scheduler answers there",
                hint="Start one with: dask scheduler; and workers with: dask worker "
                "ADDRESS",
            ) from error
        try:
            self.size = self._check(address)
        except BaseException:
            self.client.close()
            raise

    def _check(self, address: str) -> int:
        """Threads of all workers together, which have the same version."""
        threads = self.client.nthreads()
        if not threads:
            raise UsageError(
                f"{address}: this Dask scheduler has no workers",
                hint=f"Start one with: dask worker {address}",
            )
        for worker, version in self.client.run(installed, on_error="return").items():
            if version != __version__:
                raise ConfigError(
                    f"{worker}: expected keras-astro {__version__} as here, found "
                    f"{version}",
                    hint="Install the same version for all workers.",
                )
        return sum(threads.values())

    def submit(self, work, task):
        return _Remote(self, self.client.submit(work, task, pure=False))

    def wait(self, pending):
        handed_out = [remote.future for remote in pending]
        with self.client.as_current():
            done = self.distributed.wait(handed_out, return_when="FIRST_COMPLETED").done
        return {remote for remote in pending if remote.future in done}

    def __exit__(self, kind, error, trace) -> None:
        # What is under way is cancelled when nobody holds its future any more.
        self.client.close()


class _Remote:
    """A result to come from a worker of the cluster."""

    def __init__(self, pool: DaskPool, future):
        self.pool, self.future = pool, future

    def result(self):
        distributed = self.pool.distributed
        try:
            return self.future.result()
        except (distributed.KilledWorker, distributed.CancelledError) as error:
            raise KastroError(
                f"the cluster gave a task up ({type(error).__name__})",
                hint="Continue with --resume when its workers are there again.",
            ) from error
        finally:
            self.future.release()


def installed() -> str:
    """The version of this package where it is called."""
    from keras_astro import __version__ as version

    return version
