"""Distance to a curved manifold, approximated by many local linear ones."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class TangentResidual(keras.layers.Layer):
    """Mean squared distance to the nearest of several affine subspaces.

    Each cluster of training rows has a centre and its leading directions; a row's
    residual is what the best cluster's directions leave over. It knows nothing that
    the autoencoder learnt and errs on other rows.

    Args:
        clusters: Number of local subspaces.
        rank: Directions of each.

    Input shape: `(batch, feature)`.
    Output shape: `(batch,)`, mean square per feature.

    Reference:
        Kambhatla and Leen 1997, Neural Computation 9, 1493: local PCA with the
        reconstruction distance.
    """

    def __init__(self, clusters: int, rank: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.clusters = clusters
        self.rank = rank

    def build(self, input_shape):
        width = input_shape[-1]

        def weight(name, shape):
            return self.add_weight(
                shape=shape, initializer="zeros", trainable=False, name=name
            )

        self.centres = weight("centres", (self.clusters, width))
        self.directions = weight("directions", (width, self.clusters * self.rank))

    def set_subspaces(self, centres, directions) -> None:
        """Fills in what `fit_subspaces` found."""
        width = centres.shape[1]
        if not self.built:
            self.build((None, width))
        self.centres.assign(centres)
        self.directions.assign(np.transpose(directions, (2, 0, 1)).reshape(width, -1))

    def call(self, features):
        # |x - m|^2 - |V (x - m)|^2 with products only, so that no (row, cluster,
        # feature) tensor is formed.
        square = ops.sum(features**2, axis=-1, keepdims=True)
        cross = ops.matmul(features, ops.transpose(self.centres))
        distance = square - 2.0 * cross + ops.sum(self.centres**2, axis=-1)
        along = ops.matmul(features, self.directions)
        along = ops.reshape(along, (-1, self.clusters, self.rank)) - self._offsets()
        left = distance - ops.sum(along**2, axis=-1)
        return ops.maximum(ops.min(left, axis=-1), 0.0) / features.shape[-1]

    def _offsets(self):
        width = self.centres.shape[1]
        bases = ops.reshape(self.directions, (width, self.clusters, self.rank))
        return ops.einsum("kw,wkr->kr", self.centres, bases)

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        config = super().get_config() | {"clusters": self.clusters, "rank": self.rank}
        config.pop("trainable", None)
        return config


def fit_subspaces(
    features: np.ndarray, *, clusters: int, rank: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters training rows and finds each cluster's leading directions.

    Directions come from the centre's nearest rows, at least four times `rank` of them,
    so that small clusters still span their surroundings.

    Args:
        features: `(row, feature)`.
        clusters: Number of clusters; lowered when there are too few rows.
        rank: Directions of each.
        seed: Seed of the clustering.

    Returns:
        Centres `(cluster, feature)` and orthonormal directions
        `(cluster, rank, feature)`.
    """
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(clusters, random_state=seed, n_init=3, batch_size=1024)
    centres = model.fit(features).cluster_centers_
    neighbours = min(len(features), max(4 * rank, 2 * len(features) // clusters))
    means, directions = [], []
    for centre in centres:
        distance = ((features - centre) ** 2).sum(axis=1)
        near = features[np.argpartition(distance, neighbours - 1)[:neighbours]]
        mean = near.mean(axis=0)
        means.append(mean)
        directions.append(np.linalg.svd(near - mean, full_matrices=False)[2][:rank])
    return np.stack(means).astype("float32"), np.stack(directions).astype("float32")
