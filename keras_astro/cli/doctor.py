"""kastro doctor."""

import click

from keras_astro.cli.options import json_option
from keras_astro.cli.output import answer, table

EXTRAS = {
    "train": (
        "tensorflow",
        "keras",
        "keras_tuner",
        "tensorflow_probability",
        "tf_keras",
        "tensorboard",
        "galsim",
        "matplotlib",
        "scipy",
        "sklearn",
        "pyarrow",
        "rich",
    ),
    "onnx": ("onnxruntime", "onnx", "tf2onnx"),
    "parquet": ("pyarrow",),
    "kafka": ("confluent_kafka",),
    "metrics": ("prometheus_client",),
    "cluster": ("distributed",),
}
BASE = ("numpy", "h5py", "astropy", "ai_edge_litert", "pydantic", "click", "PIL")


@click.command()
@json_option
def doctor(as_json):
    """Check what is installed, what works, and how much room there is."""
    import importlib.util
    import os
    import platform
    import shutil

    from keras_astro import __version__
    from keras_astro.data.cache import cache_folder
    from keras_astro.errors import MissingExtraError

    missing = [name for name in BASE if importlib.util.find_spec(name) is None]
    extras = {
        extra: [name for name in names if importlib.util.find_spec(name) is None]
        for extra, names in EXTRAS.items()
    }
    free = shutil.disk_usage(".").free / 2**30
    content = {
        "version": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "free_disk_gib": round(free, 1),
        "cache": str(cache_folder()),
        "missing_base": missing,
        "missing_extras": {k: v for k, v in extras.items() if v},
        "healthy": not missing,
    }
    rows = [
        ("keras-astro", __version__),
        ("Python", content["python"]),
        ("cores", content["cores"]),
        ("free disk here", f"{free:.1f} GiB"),
        ("cache", content["cache"]),
        ("base install", "complete" if not missing else f"lacks {', '.join(missing)}"),
    ]
    for extra, absent in extras.items():
        state = "complete" if not absent else f"lacks {', '.join(absent)}"
        rows.append((f"[{extra}]", state))
    answer(content, table(rows, ("", "")).lstrip(), as_json=as_json)
    if missing:
        raise click.exceptions.Exit(MissingExtraError.exit_code)
