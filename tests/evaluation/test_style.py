import io

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from keras_astro.evaluation import style


@style.styled
def figure_of_a_line():
    figure, axes = style.new_figure(width=4.0, height=2.0)
    axes.plot([0, 1], [0, 1])
    return figure


def test_png_has_150_dots_an_inch_and_repeats():
    data = style.png(figure_of_a_line())
    picture = Image.open(io.BytesIO(data))
    assert picture.size == (600, 300)
    assert data == style.png(figure_of_a_line())
    assert "Software" not in picture.info


def test_settings_are_restored_and_pyplot_is_untouched():
    before = dict(mpl.rcParams)
    figure = figure_of_a_line()
    assert dict(mpl.rcParams) == before
    assert figure.axes[0].spines["top"].get_visible() is False
    # pyplot would give the figure a number and a manager.
    assert not hasattr(figure, "number")
    assert figure.canvas.manager is None


def test_save_makes_the_folder(tmp_path):
    path = style.save(figure_of_a_line(), tmp_path / "plots" / "line.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def as_seen_without_green_cones(colour):
    """Deuteranopia after Machado et al. 2009, IEEE TVCG 15, 1291, table 1."""
    matrix = np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    )
    return np.clip(matrix @ np.array(mpl.colors.to_rgb(colour)), 0.0, 1.0)


def test_colours_stay_apart_for_colour_blind_readers():
    seen = [as_seen_without_green_cones(colour) for colour in style.CYCLE[:5]]
    for i, first in enumerate(seen):
        for second in seen[:i]:
            assert np.linalg.norm(first - second) > 0.15
    classes = [as_seen_without_green_cones(c) for c in (style.NORMAL, style.ANOMALOUS)]
    assert np.linalg.norm(classes[0] - classes[1]) > 0.5


@pytest.mark.parametrize("values", [[], [0.0, -1.0], [5.0], [np.nan, 3.0, 9.0]])
def test_log_edges_always_increase(values):
    edges = style.log_edges(values, bins=5)
    assert edges.size == 6
    assert np.all(np.diff(edges) > 0)
