"""Adam whose update is one kernel a variable instead of a dozen passes over memory."""

from __future__ import annotations

import keras
import tensorflow as tf

from keras_astro.registry import register


@register()
class FusedAdam(keras.optimizers.Adam):
    """The Adam of Keras, step for step, by TensorFlow's fused kernel.

    Keras writes an update as some ten element-wise operations, each of which moves all
    of a variable through memory. The kernel reads gradient, moments and variable once:

    `m <- m + (1 - beta_1) (g - m)`, `v <- v + (1 - beta_2) (g^2 - v)`,
    `w <- w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)`.

    In single precision the kernel takes `1 - beta_2` from the rounded `beta_2` and
    Keras from the exact one: 1.3e-5 of the second moment, 6e-6 of a step. With
    `clipnorm` a gradient is scaled only where its norm exceeds it. Arguments, variables
    and checkpoints are those of `keras.optimizers.Adam`, and all that is rare
    (`amsgrad`, sparse gradients) is left to it.

    Where replicas share a batch, their gradients are summed before they are clipped, as
    one device would clip the gradient of the whole batch; Keras clips each share.

    Args:
        learning_rate: A number or a schedule.
        **kwargs: As in `keras.optimizers.Adam`.

    Reference:
        Kingma & Ba 2015, ICLR, algorithm 1, as rearranged before their section 2.1.

    Example:
        >>> import keras
        >>> weight = keras.Variable([1.0, 2.0])
        >>> FusedAdam(0.1).apply([keras.ops.ones(2)], [weight])
        >>> weight.numpy().round(3)
        array([0.9, 1.9], dtype=float32)
    """

    def apply(self, grads, trainable_variables=None):
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            grads = list(grads)
            known = [i for i, gradient in enumerate(grads) if gradient is not None]
            total = context.all_reduce("SUM", [grads[i] for i in known])
            for i, gradient in zip(known, total, strict=True):
                grads[i] = gradient
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        # `apply` has summed them.
        return grads_and_vars

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return

        dtype = variable.dtype
        index = self._get_variable_index(variable)
        beta_1, beta_2 = (tf.constant(b, dtype) for b in (self.beta_1, self.beta_2))
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    def _clip_by_norm(self, values, axes=None):
        if axes is not None or isinstance(values, tf.IndexedSlices):
            return super()._clip_by_norm(values, axes)
        norm = tf.sqrt(2 * tf.nn.l2_loss(values))
        return tf.cond(
            norm > self.clipnorm,
            lambda: values * (self.clipnorm / norm),
            lambda: values,
        )
