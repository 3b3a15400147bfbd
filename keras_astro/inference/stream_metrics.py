"""The account of a running stream, for Prometheus to read over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keras_astro.errors import UsageError, missing_extra
from keras_astro.inference.stream import Account

HOST = "127.0.0.1"
COUNTED = {
    "packets": "Packets read from the source",
    "alerts": "Alerts in them",
    "written": "Rows given to the sink",
    "rejected": "Entries of the dead-letter file",
}
GAUGES = {
    "rows": ("drift_rows", "Alerts in the window that is compared"),
    "psi_limit": ("psi_limit", "Population stability index that gives an alarm"),
    "p_value_ks": (
        "p_value_ks",
        "Distance of p-values from a uniform distribution",
    ),
    "p_value_ks_limit": ("p_value_ks_limit", "Distance that gives an alarm"),
}


@contextlib.contextmanager
def served_metrics(
    account: Callable[[], Account],
    port: int,
    drift: Callable[[], Mapping[str, Any]] | None = None,
) -> Iterator[int]:
    """Answers `http://127.0.0.1:PORT/metrics` while the context lasts.

    Counters are `kastro_stream_packets_total`, `..._alerts_total`,
    `..._written_total` and `..._rejected_total`; memory and CPU time of the process
    are there under Prometheus' usual names. Gauges of drift, once there are rows
    enough, are `kastro_stream_psi{quantity="..."}`, `..._psi_limit`,
    `..._p_value_ks`, `..._p_value_ks_limit`, `..._drift_rows` and
    `..._drift_alarm`, which is 0 or 1.

    Args:
        account: Gives the present account.
        port: On the loopback alone; 0 takes a free one.
        drift: Gives the present report of a `DriftWatch`.

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
    if drift is not None:
        registry.register(_Drift(drift))
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


class _Drift:
    """Compares at each request."""

    def __init__(self, drift: Callable[[], Mapping[str, Any]]):
        self.drift = drift

    def collect(self):
        from prometheus_client.metrics_core import GaugeMetricFamily

        now = self.drift()
        for key, (name, text) in GAUGES.items():
            if key in now:
                full = f"kastro_stream_{name}"
                yield GaugeMetricFamily(full, text, value=now[key])
        if "psi" not in now:
            return
        alarm = float(now["status"] == "alarm")
        text = "Whether the window differs from the rows the model was made for"
        yield GaugeMetricFamily("kastro_stream_drift_alarm", text, value=alarm)
        text = "Population stability index of a quantity"
        psi = GaugeMetricFamily("kastro_stream_psi", text, labels=["quantity"])
        for quantity, value in now["psi"].items():
            psi.add_metric([quantity], value)
        yield psi
