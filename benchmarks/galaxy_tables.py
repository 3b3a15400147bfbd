"""Writes the transforms that images of galaxies are drawn from without SciPy.

python benchmarks/galaxy_tables.py keras_astro/simulate/data/galaxy_transforms.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from keras_astro.simulate.galaxy_images import LOG_INDEX, LOG_WAVENUMBER, MOFFAT_END
from keras_astro.simulate.galaxy_profiles import moffat_transform, sersic_transform

# Between these nodes, cubic interpolation is good to 3e-5.
INDEX_NODES, WAVENUMBER_NODES, MOFFAT_NODES = 40, 192, 4096


def tables() -> dict[str, np.ndarray]:
    """The arrays of the file by name."""
    wavenumber = np.exp(np.linspace(*LOG_WAVENUMBER, WAVENUMBER_NODES))
    indices = np.exp(np.linspace(*LOG_INDEX, INDEX_NODES))
    sersic = np.stack([sersic_transform(n, wavenumber) for n in indices])
    moffat = moffat_transform(np.linspace(0.0, MOFFAT_END, MOFFAT_NODES))
    return {"sersic": sersic.astype("float32"), "moffat": moffat.astype("float32")}


def main(argv: list[str] | None = None) -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    np.savez_compressed(parser.parse_args(argv).path, **tables())


if __name__ == "__main__":
    main()
