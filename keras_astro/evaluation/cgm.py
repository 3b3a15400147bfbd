"""What a spectrum model is worth: numbers, verdicts and figures of the cgm report."""

from __future__ import annotations

import numpy as np

from keras_astro.evaluation import cgm_rivals, cgm_sections
from keras_astro.evaluation.report import Headline
from keras_astro.evaluation.spectrum_lines import equivalent_widths
from keras_astro.evaluation.spectrum_rows import SpectrumRows, measure_rows
from keras_astro.evaluation.subject import Evaluation, Subject
from keras_astro.evaluation.verdicts import Verdict, against_baselines
from keras_astro.losses.challenge import latent_penalty
from keras_astro.tasks.cgm_config import CgmConfig

TITLE = "Quasar absorption in a few numbers"
# Steps where no run says how many.
STEPS = 25
# Groups of absorbers by their number in the data.
CLASSES = {0: "rest", 1: "limit", 2: "damped"}
# Below this R^2 a parameter is said not to be in the latents.
RECOVERABLE = 0.2


def examine(subject: Subject) -> Evaluation:
    """Encodes, refines and decodes the test rows; compares with linear reductions."""
    config = settings_of(subject)
    subject.story("refining the latents of the test rows")
    rows = measure_rows(subject, steps=config.refinement.steps if config else STEPS)
    rows.baselines = cgm_rivals.linear_baselines(subject, rows)
    known = cgm_rivals.latent_knowledge(subject, rows)
    metrics = measure(rows)
    metrics |= {f"r2_{name}": value.trees for name, value in known.items()}
    sections = list(cgm_sections.always(rows, subject))
    if config is not None:
        system = config.system
        widths = equivalent_widths(rows, system.lines, redshift=system.redshift)
        metrics |= width_metrics(widths)
        sections = cgm_sections.of_lines(rows, subject, system, widths) + sections
    if known:
        sections.append(cgm_sections.knowledge(known))
    if rows.baselines:
        sections.insert(0, cgm_sections.reduction(rows, subject))
    return Evaluation(
        TITLE,
        metrics,
        sections,
        verdicts(rows, metrics, known),
        headlines(metrics),
        facts={"latents": rows.latents, "pixels": len(rows.wavelength)},
        outputs=rows.outputs,
        flags=rows.flags,
    )


def settings_of(subject: Subject) -> CgmConfig | None:
    """The settings of a run, or those that an artefact carries."""
    if subject.run is not None:
        return subject.run.config
    carried = subject.predictor.manifest.get("settings")
    return CgmConfig.model_validate(carried) if carried else None


def measure(rows: SpectrumRows) -> dict[str, float]:
    """All numbers of the test rows but those of lines and of latents."""
    amortised, refined = rows.mse(rows.amortised), rows.mse(rows.refined)
    floor = rows.targets.get("noise_mse")
    found = {
        "rows": len(rows.flux),
        "latents": rows.latents,
        "mse_amortised": float(amortised.mean()),
        "mse_amortised_median": float(np.median(amortised)),
        "mse_refined": float(refined.mean()),
        "mse_refined_median": float(np.median(refined)),
        "penalised_loss": float(refined.mean()) + latent_penalty(rows.latents),
        "noise_floor": 0.0 if floor is None else float(floor.mean()),
        "flagged_fraction": float(np.mean(rows.outputs["is_anomaly"])),
        "negative_pixels": float(np.mean(rows.refined < 0)),
        "zero_pixels": float(np.mean((rows.refined == 0).all(axis=0))),
    }
    if floor is not None:
        found["excess_refined"] = found["mse_refined"] - found["noise_floor"]
        found["excess_refined_median"] = float(np.median(refined - floor))
        found["excess_amortised"] = found["mse_amortised"] - found["noise_floor"]
    classes = rows.targets.get("absorber_class")
    if classes is not None:
        for number, name in CLASSES.items():
            member = classes == number
            if member.any():
                found[f"mse_refined_{name}"] = float(refined[member].mean())
    for name, errors in rows.baselines.items():
        best = errors.get(rows.latents, errors.get(0))
        if best is None:
            continue
        found[f"mse_{name}"] = found[f"mse_refined_{name}"] = float(best.mean())
        found[f"mse_{name}_median"] = float(np.median(best))
        if floor is not None:
            found[f"excess_{name}"] = found[f"mse_{name}"] - found["noise_floor"]
        if name != "mean":
            found[f"penalised_loss_{name}"] = min(
                float(error.mean()) + latent_penalty(d) for d, error in errors.items()
            )
    return found


def width_metrics(widths) -> dict[str, float]:
    """Bias of equivalent widths over all lines, in milliangstrom and in per cent."""
    if not widths:
        return {}
    data = np.concatenate([pair[0] for pair in widths.values()])
    model = np.concatenate([pair[1] for pair in widths.values()])
    return {
        "equivalent_width_bias_milliangstrom": float(1e3 * np.mean(model - data)),
        "equivalent_width_bias_fraction": float(np.sum(model) / np.sum(data) - 1.0),
    }


def verdicts(rows: SpectrumRows, metrics, known) -> list[Verdict]:
    """The sentences that come first."""
    found = []
    named = {"pca": "principal components", "nmf": "non-negative parts"}
    present = {k: v for k, v in named.items() if f"mse_refined_{k}" in metrics}
    if present:
        label = f"Mean squared error with {rows.latents} latents"
        found += against_baselines(
            metrics, "mse_refined", present, label=label, higher_is_better=False
        )
    if metrics["negative_pixels"] or metrics["zero_pixels"]:
        text = (
            f"{metrics['negative_pixels']:.2%} of reconstructed pixels are negative, "
            f"{metrics['zero_pixels']:.2%} are 0 in all rows."
        )
        found.append(Verdict("fail", text))
    lost = [name for name, value in known.items() if value.trees < RECOVERABLE]
    if lost:
        words = ", ".join(cgm_sections.PARAMETERS[name] for name in lost)
        text = f"Not recoverable from the latents (R² below {RECOVERABLE}): {words}."
        found.append(Verdict("note", text))
    return found


def headlines(metrics) -> list[Headline]:
    """Lines of the table at the top."""
    names = ("pca", "nmf", "mean")
    kept = {
        n: cgm_sections.BASELINES[n] for n in names if f"mse_refined_{n}" in metrics
    }
    priced = {n: label for n, label in kept.items() if f"penalised_loss_{n}" in metrics}
    low = {"higher_is_better": False}
    found = [
        Headline("mse_refined", "Mean squared error, refined", kept, **low),
        Headline("mse_amortised", "Mean squared error, encoder alone", {}, **low),
        Headline(
            "penalised_loss", "Penalised loss (best number of parts)", priced, **low
        ),
    ]
    if metrics["noise_floor"] > 0:
        excess = {n: v for n, v in kept.items() if f"excess_{n}" in metrics}
        found.insert(1, Headline("noise_floor", "Noise floor", {}, **low))
        metrics |= {f"excess_refined_{n}": metrics[f"excess_{n}"] for n in excess}
        text = "Error above the noise, refined"
        found.insert(2, Headline("excess_refined", text, excess, **low))
    return found
