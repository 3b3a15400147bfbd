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
        self.width = input_shape[-1]
        left = self.clusters * (self.width - self.rank)

        def weight(name, shape):
            return self.add_weight(
                shape=shape, initializer="zeros", trainable=False, name=name
            )

        self.normals = weight("normals", (self.width, left))
        self.offsets = weight("offsets", (left,))

    def set_subspaces(self, centres, normals) -> None:
        """Fills in what `fit_subspaces` found."""
        width = centres.shape[1]
        if not self.built:
            self.build((None, width))
            self.built = True
        self.normals.assign(np.transpose(normals, (2, 0, 1)).reshape(width, -1))
        self.offsets.assign(np.einsum("kw,krw->kr", centres, normals).reshape(-1))

    def call(self, features):
        # Projected on what is normal to a subspace, nothing large cancels: the same
        # in float32, float16 and int8.
        beside = ops.matmul(features, self.normals) - self.offsets
        shape = (-1, self.clusters, self.width - self.rank)
        distance = ops.sum(ops.reshape(beside, shape) ** 2, axis=-1)
        return ops.min(distance, axis=-1) / self.width

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        config = super().get_config() | {"clusters": self.clusters, "rank": self.rank}
        config.pop("trainable", None)
        return config


def fit_subspaces(
    features: np.ndarray, *, clusters: int, rank: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters training rows and finds what each cluster's directions leave over.

    Directions come from the centre's nearest rows, four times `rank` of them, so that
    small clusters still span their surroundings.

    Args:
        features: `(row, feature)`.
        clusters: Number of clusters, at most the number of rows.
        rank: Directions of each.
        seed: Seed of the clustering.

    Returns:
        Centres `(cluster, feature)` and, of each, the orthonormal directions that its
        subspace lacks, `(cluster, feature - rank, feature)`.
    """
    from sklearn.cluster import MiniBatchKMeans

    model = MiniBatchKMeans(clusters, random_state=seed, n_init=1, batch_size=1024)
    centres = model.fit(features).cluster_centers_
    neighbours = min(len(features), 4 * rank)
    means, normals = [], []
    for centre in centres:
        distance = ((features - centre) ** 2).sum(axis=1)
        near = features[np.argpartition(distance, neighbours - 1)[:neighbours]]
        mean = near.mean(axis=0)
        means.append(mean)
        normals.append(np.linalg.svd(near - mean, full_matrices=True)[2][rank:])
    return np.stack(means).astype("float32"), np.stack(normals).astype("float32")
