"""What earlier alerts of an object add to a run of single alerts.

The run's encoder and head stay as they are. A head of histories (`model.sequence`)
learns, with the run's settings and its seed, on the codes of simulated objects with up
to `model.max_alerts` alerts, and is tested on others and, where they are given, on real
objects with several alerts. The simulated rows are the same for runs of every seed. It
is compared with the newest alert alone and with the mean of all alerts' logits;
intervals are of objects drawn anew within their class.

    kastro train alerts -o runs/alerts
    python benchmarks/alert_histories.py runs/alerts --real ztf_labelled.npz
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from keras_astro.data.alert_histories import AlertHistories
from keras_astro.data.alert_schema import ALERTS, CLASSES
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource, Source, concatenate
from keras_astro.metrics.classification import balanced_accuracy
from keras_astro.tasks.alerts_histories import TURNS, Coder, history_stage
from keras_astro.tasks.alerts_networks import unread_columns
from keras_astro.tasks.alerts_rows import Beside, Rows, code_statistics, read_rows
from keras_astro.tasks.catalog import get_task, load_config
from keras_astro.training.fit import fit_stage
from keras_astro.training.run import Run

# Seeds of rows that train the head, that are watched, and that test it.
SEEDS = (101, 102, 103)
DRAWS = 500


def simulated(config, rows: int, seed: int) -> Source:
    """Alerts of objects that have several."""
    blocks = get_task("alerts").simulate(config, rows, seed=seed)
    return MemorySource(concatenate(list(blocks)))


def seen_by(model, source: Source, steps: int) -> tuple[Rows, AlertHistories]:
    """What a model sees of single alerts, and which of them make a history."""
    raw = read_rows(model.get_layer("stem"), source)
    return raw.rows(Beside.of(model)), AlertHistories(source, steps)


def said(coder: Coder, head, pair) -> dict[str, np.ndarray]:
    """Class numbers by the newest alert, the mean of all, and the head of histories."""
    totals: dict[str, np.ndarray | float] = {}
    exists = (pair[1].before >= 0)[..., None]
    for turn in range(TURNS):
        given = coder.steps(*pair, turn)
        found = {
            "newest": given["logits"][:, 0],
            "mean": given["logits"].sum(axis=1) / exists.sum(axis=1),
            "history": head.predict(given, verbose=0, batch_size=512),
        }
        totals = {name: totals.get(name, 0.0) + found[name] for name in found}
    return {name: logits.argmax(axis=1) for name, logits in totals.items()}


def compared(said: dict, labels, groups) -> dict:
    """Balanced accuracies, and what is gained over the newest alert."""
    known = labels >= 0
    said = {name: numbers[known] for name, numbers in said.items()}
    labels, groups = labels[known], groups[known]
    names, place = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(0)
    gains = []
    strata = by_classes(labels, place)
    for _ in range(DRAWS):
        objects = np.concatenate([rng.choice(s, len(s)) for s in strata])
        weight = np.bincount(objects, minlength=len(names))
        drawn = np.repeat(np.arange(len(labels)), weight[place])
        one, other = (
            balanced_accuracy(labels[drawn], said[name][drawn])
            for name in ("history", "newest")
        )
        gains.append(one - other)
    found = {name: balanced_accuracy(labels, numbers) for name, numbers in said.items()}
    return found | {
        "gain": found["history"] - found["newest"],
        "gain_95": np.quantile(gains, (0.025, 0.975)).tolist(),
        "alerts": len(labels),
        "objects": len(names),
        "by_class": {n: int(np.sum(labels == i)) for i, n in enumerate(CLASSES)},
        "objects_by_class": {
            n: len(np.unique(place[labels == i])) for i, n in enumerate(CLASSES)
        },
    }


def by_classes(labels, place) -> list[np.ndarray]:
    """Numbers of the objects that have alerts of the same classes, set by set.

    Without them a draw may lack a class, and its balanced accuracy is of the others.
    """
    has = np.zeros((place.max() + 1, len(CLASSES)), bool)
    has[place, labels] = True
    kind = np.unique(has, axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(kind == number) for number in range(kind.max() + 1)]


def of_several(said: dict, pair, groups) -> dict:
    """`compared` for alerts that have earlier ones."""
    later = pair[1].before[:, 1] >= 0
    chosen = {name: numbers[later] for name, numbers in said.items()}
    return compared(chosen, pair[0].labels[later], groups[later])


def measure(run: Run, kind: str, rows: int, real: Path | None) -> dict:
    """All figures of a run."""
    refuse_others(run.config)
    config = load_config(str(run.path / "config.yaml"), [f"model.sequence={kind}"])
    steps = config.model.max_alerts
    model = run.load_model()
    counts = (rows, rows // 10, rows // 2)
    parts = [simulated(config, n, s) for n, s in zip(counts, SEEDS, strict=True)]
    train, held, test = (seen_by(model, part, steps) for part in parts)
    encoder = model.get_layer("encoder")
    coder = Coder(
        encoder,
        model.get_layer("head"),
        *code_statistics(encoder, train[0].frames),
        standardised=False,
        unread=unread_columns(config),
    )
    weights = np.ones(len(CLASSES), "float32")
    stage = history_stage(config, coder, train, held, weights)
    fit_stage(stage, config.train, seed=config.seed)
    numbers, groups = said(coder, stage.model, test), parts[2].read().meta["group"]
    found = {
        "simulated": compared(numbers, test[0].labels, groups),
        "simulated_with_earlier": of_several(numbers, test, groups),
    }
    if real:
        source = MemorySource(open_many([real], ALERTS).read())
        pair, groups = seen_by(model, source, steps), source.read().meta["group"]
        numbers = said(coder, stage.model, pair)
        found["real_with_earlier"] = of_several(numbers, pair, groups)
    return found


def refuse_others(config) -> None:
    """Ends unless the run is a joint one of single alerts and images alone."""
    model = config.model
    if model.mode != "joint" or model.metadata or model.sequence != "none":
        raise SystemExit(
            "give a run of images alone, with model.mode = joint and "
            "model.sequence = none"
        )


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--kind", choices=("gru", "tcn"), default="gru")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    found = measure(Run.open(options.run), options.kind, options.rows, options.real)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
