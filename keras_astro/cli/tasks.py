"""kastro tasks."""

import click

from keras_astro.cli.options import json_option
from keras_astro.cli.output import answer

# What a preset is worth, in one line; kastro inspect tells the rest.
HEADLINES = (
    "auc_reconstruction",
    "auc_combined",
    "rmse_teff_kelvin",
    "rmse_logg_dex",
    "mse_amortised",
    "balanced_accuracy",
    "rmse_g1",
    "rmse_half_light_radius_arcsec",
)


@click.command()
@json_option
def tasks(as_json):
    """List the science cases and the pretrained artefacts that come with them."""
    from keras_astro.inference.manifest import read_manifest
    from keras_astro.inference.presets import PREFIX, preset_files
    from keras_astro.tasks.catalog import CATALOG

    files = preset_files()
    metrics = {name: read_manifest(path)["metrics"] for name, path in files.items()}
    found = [
        {
            "name": e.name,
            "title": e.title,
            "summary": e.summary,
            "preset": f"{PREFIX}{e.name}" if e.name in metrics else None,
            "metrics": metrics.get(e.name, {}),
        }
        for e in CATALOG.values()
    ]
    lines = []
    for e in found:
        lines.append(f"{e['name']:<10} {e['title']}: {e['summary']}")
        if e["preset"]:
            figures = [_figure(n, v) for n, v in e["metrics"].items() if n in HEADLINES]
            lines.append(f"{'':<10} {e['preset']}: {', '.join(figures)}")
    answer({"tasks": found}, "\n".join(lines), as_json=as_json)


def _figure(name: str, value) -> str:
    if isinstance(value, dict):
        return f"{name} {value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
    return f"{name} {value:.4g}"
