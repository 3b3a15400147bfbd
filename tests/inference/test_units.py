"""What is joined of units that could not be read."""

import numpy as np

from keras_astro.errors import DataError
from keras_astro.inference.units import join


def test_the_first_bad_file_is_named_as_a_command_takes_it(refused):
    bad = [["my night/a.h5, rows 0 to 8191", "a.h5: truncated"], ["b.h5", "foreign"]]
    hint = "None of 2 files could be read; look at the first with: kastro data describe"
    with refused(DataError, "a.h5: truncated", hint=f"{hint} 'my night/a.h5'"):
        join([{"bad": np.array([one])} for one in bad], None)


def test_no_files_at_all_are_an_error(refused):
    with refused(DataError, "found none", hint="kastro data describe FILE"):
        join([], None)
