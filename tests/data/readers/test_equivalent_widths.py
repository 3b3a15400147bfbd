"""Tables of pseudo-equivalent widths: read whole, or refused with the line."""

import numpy as np
import pytest

from keras_astro.data.readers.equivalent_widths import read_line_table, star_name
from keras_astro.errors import DataError

HEADER = "names,5.339355e+03,5.339630e+03,6.859730e+03,FeH,Teff"
ROWS = [
    "result_GJ1125_S1Dconv94600,74.1,46.8,9.5,-0.15,3162",
    "result_Gl1,1,2,3,0,3500",
]


def table(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_is_read(tmp_path):
    found = read_line_table(table(tmp_path / "t.csv", HEADER, *ROWS))
    assert found.star.tolist() == ["GJ1125", "Gl1"]
    np.testing.assert_allclose(found.wavelength_angstrom, [5339.355, 5339.63, 6859.73])
    np.testing.assert_allclose(found.widths, [[74.1, 46.8, 9.5], [1, 2, 3]])
    np.testing.assert_allclose(found.labels["teff_kelvin"], [3162, 3500])
    np.testing.assert_allclose(found.labels["metallicity_dex"], [-0.15, 0.0])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "not a table"),
        ([HEADER], "a row a star"),
        ([HEADER.replace("FeH", "x"), *ROWS], "end with FeH, Teff, found x, Teff"),
        ([HEADER, ROWS[0] + ",1"], "line 2: expected 5 numbers, found 6"),
        ([HEADER, ROWS[0], "a,1,2,b,0,3000"], "line 3: expected numbers .*'b'"),
        ([HEADER, "a,1,nan,2,0,3000"], "line 2: expected finite numbers, found 1 NaN"),
    ],
)
def test_other_tables_are_refused(tmp_path, lines, message):
    with pytest.raises(DataError, match=message) as caught:
        read_line_table(table(tmp_path / "t.csv", *lines) if lines else tmp_path / "no")
    assert caught.value.hint


def test_star_names():
    assert star_name("result_GJ163_sum_S1Dconv94600") == "GJ163"
    assert star_name("Gl 1") == "Gl 1"
