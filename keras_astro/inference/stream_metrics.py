"""The account of a running stream, for Prometheus to read over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from keras_astro.errors import UsageError, missing_extra
from keras_astro.inference.stream import Account

HOST = "127.0.0.1"
COUNTED = {
    "packets": "Packets read from the source",
    "alerts": "Alerts in them",
    "written": "Rows given to the sink",
    "rejected": "Entries of the dead-letter file",
}


@contextlib.contextmanager
def served_metrics(account: Callable[[], Account], port: int) -> Iterator[int]:
    """Answers `http://127.0.0.1:PORT/metrics` while the context lasts.

    Counters are `kastro_stream_packets_total`, `..._alerts_total`,
    `..._written_total` and `..._rejected_total`; memory and CPU time of the process
    are there under Prometheus' usual names.

    Args:
        account: Gives the present account.
        port: On the loopback alone; 0 takes a free one.

    Yields:
        The port.

    Raises:
        MissingExtraError: If prometheus-client is not installed.
        UsageError: If the port is taken.
    """
    try:
        import prometheus_client
    except ImportError as error:
        raise missing_extra(
            "prometheus_client", extra="metrics", purpose="--metrics-port"
        ) from error
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    registry.register(_Counters(account))
    try:
        server, thread = prometheus_client.start_http_server(
            port, addr=HOST, registry=registry
        )
    except OSError as error:
        raise UsageError(
            f"port {port}: cannot be listened on ({error.strerror})",
            hint="Choose another with --metrics-port.",
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Counters:
    """Reads the account at each request, so that the stream pays nothing for it."""

    def __init__(self, account: Callable[[], Account]):
        self.account = account

    def collect(self):
        from prometheus_client.metrics_core import CounterMetricFamily

        now = self.account()
        for name, text in COUNTED.items():
            full = f"kastro_stream_{name}"
            yield CounterMetricFamily(full, text, value=getattr(now, name))
