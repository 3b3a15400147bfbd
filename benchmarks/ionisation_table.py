"""Makes the ionisation table of the package from the Cloudy tables of fake_spectra.

The tables are part of fake_spectra 2.3.1 (Simeon Bird, MIT licence; see
keras_astro/simulate/data/LICENSE.fake_spectra): Cloudy 13 runs at the ultraviolet
background of Faucher-Giguere et al. 2009 (December 2011 version), self-shielded after
Rahmati et al. 2013. Redshift nodes are integers; 0.2 lies between two of them.

    python benchmarks/ionisation_table.py FAKE_SPECTRA_FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from keras_astro.simulate import cgm_ionisation

REDSHIFT = 0.2
ELEMENTS = ("H", "He", "C", "N", "O", "Ne", "Mg", "Si", "Fe")
STAGES = {"I": 0, "II": 1, "III": 2, "IV": 3, "V": 4, "VI": 5}
# Fractions below this never make a line that can be seen.
FLOOR = -12.0


def main(folder: Path) -> None:
    """Cuts densities, temperatures and ions out, and writes them as float16."""
    path = folder / "cloudy_tables" / "ion_out_photo_atten" / "cloudy_table.npz"
    with np.load(path) as file:
        nodes = file["table"][:2]
    table = (1 - REDSHIFT) * nodes[0] + REDSHIFT * nodes[1]
    log_density = np.round(np.arange(-7, 4, 0.2), 3)
    log_temperature = np.round(np.arange(3, 8.6, 0.05), 3)
    dense = (log_density >= -6.0) & (log_density <= 1.0)
    warm = (log_temperature >= 3.8) & (log_temperature <= 6.5)
    fractions = []
    for ion in cgm_ionisation.IONS:
        element, stage = ion.split()
        column = table[:, :, ELEMENTS.index(element), STAGES[stage]]
        fractions.append(np.maximum(column[dense][:, warm], FLOOR))
    np.savez_compressed(
        cgm_ionisation.TABLE,
        ions=np.array(cgm_ionisation.IONS),
        redshift=REDSHIFT,
        log_density=log_density[dense],
        log_temperature=log_temperature[warm],
        log_fraction=np.stack(fractions, axis=-1).astype("float16"),
    )
    print(f"{cgm_ionisation.TABLE}: {cgm_ionisation.TABLE.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
