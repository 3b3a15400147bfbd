"""The absorption simulator's rate against profiles on whole grids.

    python benchmarks/cgm_simulator.py

Prints spectra a CPU second of one core, 10 000 pixels and nine lines each, and the
ratio to SciPy's Faddeeva function and to astropy's Voigt1D on the whole grid, without
spectrograph. Rates of the presets include ionisation, oversampling, line-spread
function and noise.
"""

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np
from astropy.modeling.models import Voigt1D
from scipy.special import wofz

from keras_astro.simulate import cgm
from keras_astro.simulate.cgm_clouds import draw_gas
from keras_astro.simulate.cgm_config import NINE_LINES, PRESETS, CgmSimulation
from keras_astro.simulate.cgm_ionisation import IONS
from keras_astro.simulate.cgm_lines import get_line
from keras_astro.simulate.voigt import C_KMS, CENTRAL_DEPTH

ROWS = 256


def measure() -> dict:
    """Spectra a CPU second of each preset, and the first over each rival."""
    long = CgmSimulation(pixels=100_000, pixel_angstrom=0.007)
    rates = {"single-cloud": rate(CgmSimulation(), ROWS)}
    for name in list(PRESETS)[1:]:
        rates[name] = rate(CgmSimulation.preset(name), ROWS // 2)
    rates["single-cloud, 100 000 pixels"] = rate(long, 64)
    rivals = {"wofz": faddeeva, "astropy Voigt1D": astropy_profile}
    theirs = {f"{k}, whole grid": whole_grid_rate(v, 16) for k, v in rivals.items()}
    return {
        "spectra_per_cpu_second": rates | theirs,
        "ratios": {k: rates["single-cloud"] / v for k, v in theirs.items()},
    }


def main() -> None:
    """Measures all and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    found = measure()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for name, value in found["spectra_per_cpu_second"].items():
        ratio = found["ratios"].get(name)
        print(f"{name:32s} {value:8.0f}" + (f"   ratio {ratio:.1f}" if ratio else ""))


def rate(config: CgmSimulation, rows: int) -> float:
    """Spectra a CPU second of the whole simulator, the best of three times."""
    cgm.simulate(config, 2, seed=0)
    seconds = []
    for seed in range(3):
        start = time.process_time()
        cgm.simulate(config, rows, seed=seed)
        seconds.append(time.process_time() - start)
    return rows / min(seconds)


def whole_grid_rate(profile, rows: int) -> float:
    """Spectra a CPU second when every line is computed at every pixel."""
    config = CgmSimulation()
    gas = draw_gas(config, rows, np.random.default_rng(0))
    columns, widths = 10.0 ** gas.log_columns()[:, 0], gas.widths_kms()[:, 0]
    wavelength = config.wavelength_angstrom
    start = time.process_time()
    for row in range(rows):
        depth = np.zeros(len(wavelength))
        for name in NINE_LINES:
            line, ion = get_line(name), IONS.index(get_line(name).ion)
            b = widths[row, ion]
            centre = line.wavelength_angstrom * (1 + config.redshift)
            velocity = (wavelength / centre - 1) * C_KMS - gas.velocity_kms[row, 0]
            a = line.damping_per_second * line.wavelength_angstrom * 1e-13
            a /= 4 * np.pi * b
            strength = line.strength * line.wavelength_angstrom * columns[row, ion] / b
            depth += CENTRAL_DEPTH * strength * profile(a, velocity / b)
        np.exp(-depth)
    return rows / (time.process_time() - start)


def faddeeva(a: float, u: np.ndarray) -> np.ndarray:
    """H(a, u) by SciPy."""
    return wofz(u + 1j * a).real


def astropy_profile(a: float, u: np.ndarray) -> np.ndarray:
    """H(a, u) by astropy, in units of Doppler widths."""
    doppler = 2 * np.sqrt(np.log(2))
    shape = Voigt1D(x_0=0.0, amplitude_L=1.0, fwhm_L=2 * a, fwhm_G=doppler)
    return shape(u) * a * np.sqrt(np.pi)


if __name__ == "__main__":
    main()
