"""Files of the user's to rows of a schema, whatever the format."""

from keras_astro.data.readers.open import open_many, open_source

__all__ = ["open_many", "open_source"]
