"""keras-astro: autoencoders for survey astronomy, from data to verified artefacts.

Importing the package imports no TensorFlow; each subpackage loads what it needs.
"""

__version__ = "0.1.0"
