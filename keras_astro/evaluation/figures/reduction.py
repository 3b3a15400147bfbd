"""Error against the number of latents, alone and with the price of each."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from keras_astro.evaluation import style
from keras_astro.losses.challenge import latent_penalty

LABELS = {"pca": "principal components", "nmf": "non-negative parts"}


@style.styled
def reduction_curves(
    baselines: Mapping[str, Mapping[int, float]],
    model: Mapping[str, tuple[int, float]],
    *,
    sweep: Mapping[int, float] | None = None,
    floor: float = 0.0,
) -> Figure:
    """Mean squared error (left) and penalised loss (right) against latents.

    Args:
        baselines: Mean squared error of each baseline by number of components.
        model: `(latents, mean squared error)` of the model by name.
        sweep: Mean squared error of a search's best trial by number of latents, on
            validation rows.
        floor: Mean square of the noise, drawn where it is not 0.

    Example:
        >>> ours, theirs = {"refined": (2, 1e-4)}, {"pca": {1: 1e-3, 2: 5e-4}}
        >>> figure = reduction_curves(theirs, ours)
        >>> figure.axes[1].get_ylabel()
        'Penalised loss'
    """
    figure, (left, right) = style.new_figure(1, 2, width=9.4, height=4.4)
    looks = zip((style.GREY, style.PURPLE), style.DASHES, strict=False)
    for (name, values), (colour, dash) in zip(baselines.items(), looks, strict=False):
        counts = sorted(values)
        for axes, priced in ((left, 0), (right, 1)):
            axes.plot(
                counts,
                [values[d] + priced * latent_penalty(d) for d in counts],
                color=colour,
                linestyle=dash,
                marker="o",
                markersize=3.5,
                label=LABELS.get(name, name),
            )
    if sweep:
        counts = sorted(sweep)
        for axes, priced in ((left, 0), (right, 1)):
            axes.plot(
                counts,
                [sweep[d] + priced * latent_penalty(d) for d in counts],
                color=style.BLUE,
                marker="o",
                markersize=4,
                label="search, validation rows",
            )
    marks = {"amortised": ("s", style.AMBER), "refined": ("D", style.VERMILION)}
    for name, (latents, error) in model.items():
        marker, colour = marks.get(name, ("o", style.INK))
        for axes, priced in ((left, 0), (right, 1)):
            axes.plot(
                latents,
                error + priced * latent_penalty(latents),
                marker,
                color=colour,
                markersize=8,
                zorder=5,
                label=f"this model, {name}",
            )
    if floor > 0:
        left.axhline(floor, color=style.INK, linewidth=1.0, label="noise")
    left.set(title="Error", ylabel="Mean squared error", yscale="log")
    right.set(title="Error and price of latents", ylabel="Penalised loss", yscale="log")
    for axes in (left, right):
        axes.set_xlabel("Number of latents")
        axes.xaxis.get_major_locator().set_params(integer=True)
    style.legend_below(figure, *left.get_legend_handles_labels(), columns=3)
    return figure
