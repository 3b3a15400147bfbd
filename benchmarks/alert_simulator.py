"""Simulated alert stamps a second on one core, against GalSim drawing the same sources.

Both draw science and template images of 63 x 63 pixels of the same mixture of classes.
GalSim convolves and draws every star and galaxy; its time does not include noise,
subtraction and metadata, which the simulator's does.

    python benchmarks/alert_simulator.py --rows 1000 --json
"""

from __future__ import annotations

import argparse
import json
import os
import time

for _name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import galsim  # noqa: E402
import numpy as np  # noqa: E402

from keras_astro.simulate.alert_camera import draw_exposure  # noqa: E402
from keras_astro.simulate.alert_config import AlertSimulation  # noqa: E402
from keras_astro.simulate.alert_sources import SKIES  # noqa: E402
from keras_astro.simulate.alerts import simulate  # noqa: E402


def ours(rows: int) -> float:
    """Alerts a CPU second."""
    start = time.process_time()
    simulate(AlertSimulation(), rows, seed=1)
    return rows / (time.process_time() - start)


def galsim_draws(rows: int) -> float:
    """The same skies drawn by GalSim, source by source, twice each."""
    config, rng = AlertSimulation(), np.random.default_rng(1)
    labels = list(SKIES)
    scenes = []
    for row in range(rows):
        exposure = draw_exposure(config.camera, rng)
        sky = SKIES[labels[row % len(labels)]](config, exposure, True, rng)
        scenes.append((exposure, sky))
    start = time.process_time()
    for exposure, sky in scenes:
        for fwhm, extra in (
            (exposure.science_fwhm, sky.science.points),
            (exposure.template_fwhm, sky.template.points),
        ):
            picture = galsim.ImageF(63, 63, scale=1.0)
            psf = galsim.Moffat(beta=config.camera.moffat_beta, fwhm=fwhm)
            for x, y, flux in [*sky.static.points, *extra]:
                star = psf.withFlux(flux).shift(x, y)
                star.drawImage(picture, add_to_image=True)
            for x, y, flux, n, radius, e1, e2 in sky.static.galaxies:
                body = galsim.Sersic(n=n, half_light_radius=radius, flux=flux)
                body = body.shear(g1=e1, g2=e2).shift(x, y)
                galsim.Convolve(body, psf).drawImage(picture, add_to_image=True)
    return rows / (time.process_time() - start)


def main() -> None:
    """Prints both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--galsim-rows", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # The tables are built once in a process.
    simulate(AlertSimulation(), 64, seed=0)
    found = {
        "alerts_per_cpu_second": ours(options.rows),
        "galsim_per_cpu_second": galsim_draws(options.galsim_rows),
    }
    found["ratio"] = found["alerts_per_cpu_second"] / found["galsim_per_cpu_second"]
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        print(f"{name:24s} {value:8.1f}")


if __name__ == "__main__":
    main()
