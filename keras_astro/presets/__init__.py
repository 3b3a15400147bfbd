"""Trained models that come with the package, each with the recipe that made it.

`keras_astro.inference.presets` finds them by name.
"""
