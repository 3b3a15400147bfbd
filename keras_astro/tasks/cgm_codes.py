"""The last passes over spectra: a decoder learns from codes that are free."""

from __future__ import annotations

import keras
import numpy as np

from keras_astro.layers.free_codes import FreeCodes
from keras_astro.tasks.base import Stage

# Of an offset's step over a weight's: a code is in a batch once a pass, and in the few
# passes there are it must come as far as refinement would take it.
CODE_SCALE = 2.0
# Of the first stage's rate, for a decoder that is trained already.
RATE = 0.5


def free_codes_stage(first: Stage, encoder: keras.Model, *, epochs: int) -> Stage:
    """Trains the decoder of a fitted stage with a free code for each row.

    An encoder's codes are not the best ones, and a decoder that learned from them makes
    up for that. Refined codes need no such favours. Validation rows keep the codes of
    the encoder, which learns nothing here.

    Args:
        first: The fitted autoencoder, with a layer `decoder`.
        encoder: Rows to codes, where the free ones start.
        epochs: Passes.
    """
    codes = encoder.predict(first.inputs, verbose=0, batch_size=1024)
    held, targets = first.validation
    rows, latents = codes.shape
    code = keras.Input((latents,), name="code")
    row = keras.Input((1,), name="row", dtype="int32")
    moved = FreeCodes(rows, CODE_SCALE, name="free_codes")([code, row])
    decoder = first.model.get_layer("decoder")
    known = {"code": codes, "row": np.arange(rows, dtype="int32")[:, None]}
    # No code of these is trained: their numbers lie behind those of the training rows.
    others = {
        "code": encoder.predict(held, verbose=0, batch_size=1024),
        "row": np.full((len(held), 1), rows, "int32"),
    }
    return Stage(
        name="free_codes",
        model=keras.Model({"code": code, "row": row}, decoder(moved)),
        inputs=known,
        targets=first.inputs if first.targets is None else first.targets,
        validation=(others, targets),
        loss=first.loss,
        epochs=epochs,
        batch_size=first.batch_size,
        learning_rate=RATE * first.learning_rate,
    )
