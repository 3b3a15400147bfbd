"""kastro evaluate."""

from pathlib import Path

import click

from keras_astro.cli.options import ArtefactPath, data_option, json_option
from keras_astro.cli.output import answer, load_tensorflow, story, table


@click.command()
@click.argument("target", type=ArtefactPath())
@data_option
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=None,
    help="Where the report goes. Default: the run folder, <artefact>-report beside an "
    "artefact, preset-NAME-report here.",
)
@json_option
def evaluate(target, paths, folder, as_json):
    """Measure TARGET, a run, an exported artefact or preset:NAME; write its report.

    A run without --data is measured on its own test rows; the others need data.

    Example: kastro evaluate runs/mine --data validation.zip
    """
    load_tensorflow()
    from keras_astro.data.readers import open_many
    from keras_astro.errors import UsageError
    from keras_astro.evaluation.evaluate import evaluate_artefact, evaluate_run
    from keras_astro.inference.predictor import open_predictor
    from keras_astro.tasks.catalog import schema
    from keras_astro.training.run import Run

    if (target / "config.yaml").is_file():
        run = Run.open(target)
        source = open_many(paths, schema(run.config.task)) if paths else None
        metrics = evaluate_run(run, story=story, source=source, out=folder)
        folder = folder or target
    else:
        predictor = open_predictor(target)
        task = predictor.manifest["task"]
        if not paths:
            raise UsageError(
                f"{target}: an artefact carries no rows: expected --data, found none",
                hint="Add --data PATH; rows are made by: "
                f"kastro simulate {task} -n 1000 -o {task}.h5",
            )
        source = open_many(paths, schema(task))
        folder = folder or _beside(target)
        metrics = evaluate_artefact(predictor, source, folder, story=story)
    report = folder / "report.html"
    rows = [(name, _number(value)) for name, value in metrics.items()]
    answer(
        {"metrics": metrics, "report": str(report)},
        f"{table(rows, ('metric', 'value'))}\nreport: {report}",
        as_json=as_json,
    )


def _beside(artefact: Path) -> Path:
    """A report's folder; that of a preset is not inside the installed package."""
    from keras_astro.inference.presets import preset_files

    if artefact in preset_files().values():
        return Path(f"preset-{artefact.stem}-report")
    return artefact.with_name(f"{artefact.name}-report")


def _number(value) -> str:
    if isinstance(value, dict):
        return f"{value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
    return f"{value:.4g}"
