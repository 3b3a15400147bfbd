"""The training curve of a report."""

import pytest

from keras_astro.evaluation.evaluate import history_section


def test_losses_of_the_first_stage_are_drawn(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("stage,epoch,loss,val_loss\na,1,2.0,3.0\na,2,1.0,2.0\nb,1,9.0,\n")
    said = []
    section = history_section(path, story=said.append)
    ((name, figure),) = section.figures
    assert name == "training_history"
    assert [list(line.get_ydata()) for line in figure.axes[0].lines][:1] == [[2.0, 1.0]]
    assert said == []


@pytest.mark.parametrize("text", [None, "stage,epoch,loss,val_loss\n", ""])
def test_a_run_without_losses_has_no_curve_and_says_so(tmp_path, text):
    said = []
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    section = history_section(tmp_path / "history.csv", story=said.append)
    assert not section.figures
    assert section.text == "No training curve: history.csv has no losses."
    assert len(said) == 1
    assert str(tmp_path / "history.csv") in said[0]
