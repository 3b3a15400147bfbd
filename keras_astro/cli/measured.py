"""The end of a training: its report, where there are rows to test on."""

from __future__ import annotations

from keras_astro.cli.output import story


def measured(run) -> tuple[dict, str]:
    """Evaluates a finished run on its own test rows.

    Data without labelled anomalies is trained on whole; such a run waits for
    `kastro evaluate RUN --data TEST`.

    Args:
        run: A finished run.

    Returns:
        The answer of the verb, as an object and as text.
    """
    from keras_astro.evaluation.evaluate import evaluate_run

    if not len(run.split.indices["test"]):
        text = f"{run.path}\nno rows were kept for a test; measure it with:\n"
        text += f"  kastro evaluate {run.path} --data TEST"
        return {"run": str(run.path), "metrics": {}, "report": None}, text
    story("evaluating on the test rows")
    metrics = evaluate_run(run, story=story)
    report = str(run.path / "report.html")
    answer = {"run": str(run.path), "metrics": metrics, "report": report}
    return answer, f"{run.path}\nreport: {report}"
