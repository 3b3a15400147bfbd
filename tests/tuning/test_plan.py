from hypothesis import example, given
from hypothesis import strategies as st

from keras_astro.tuning.plan import FACTOR, LEAST_EPOCHS, hyperband_sizes


@given(trials=st.integers(1, 400), epochs=st.integers(1, 2000))
@example(trials=1, epochs=2000)
@example(trials=3, epochs=2000)
def test_sizes_sum_to_the_trials(trials, epochs):
    sizes = hyperband_sizes(trials, epochs)
    total = sum(map(sum, sizes))
    # A search too short for all brackets is spent in the last, which comes first.
    assert total == trials or (sum(sizes[-1]) == trials and total > trials)


@given(trials=st.integers(1, 400), epochs=st.integers(1, 2000))
def test_rounds_shrink_and_start_with_enough_epochs(trials, epochs):
    sizes = hyperband_sizes(trials, epochs)
    for bracket, rounds in enumerate(sizes):
        assert len(rounds) == bracket + 1
        assert rounds == sorted(rounds, reverse=True)
        assert rounds[-1] >= 1
    least = epochs / FACTOR ** (len(sizes) - 1)
    assert len(sizes) == 1 or least >= LEAST_EPOCHS - 1e-6
