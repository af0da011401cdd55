"""AUROC losses as Keras classes, and losses by name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from heartbeat_clf.losses import (  # noqa: E402
    ElementwiseAUROCLoss,
    MixedAUROCLoss,
    OnLogits,
    OnLogOdds,
    OnProbabilities,
    PairwiseAUROCLoss,
    get_loss,
)

SURROGATES = ("logistic", "sigmoid", "hinge", "squared_hinge", "wmw", "aucm")
OVER_PAIRS = SURROGATES[:-1]
KERAS_NAMES = (
    "binary_crossentropy",
    "bce",
    "BinaryCrossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "sparse_categorical_crossentropy",
    "kl_divergence",
    "kld",
    "poisson",
    "mse",
    "mean_absolute_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "cosine_similarity",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "dice",
    "tversky",
)


def softplus(x):
    return np.log1p(np.exp(x))


def value_and_gradient(loss, labels, logits, weight=None):
    logits = tf.convert_to_tensor(logits, dtype="float32")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(labels, logits, weight)
    return float(value), tape.gradient(value, logits).numpy()


def make_labels(indices, n_outputs):
    if n_outputs == 1:
        return np.asarray(indices, dtype=np.float32)[:, None]
    return np.eye(n_outputs, dtype=np.float32)[indices]


# Known values: positive 0.5, negative 0, so d = 0.5.


@pytest.mark.parametrize(
    ("settings_", "expected"),
    [
        ({"surrogate": "logistic"}, softplus(-0.5)),
        ({"surrogate": "logistic", "temperature": 0.25}, softplus(-2.0)),
        ({"surrogate": "sigmoid"}, 1.0 / (1.0 + np.exp(0.5))),
        ({"surrogate": "hinge"}, 0.5),
        ({"surrogate": "hinge", "margin": 2.0}, 1.5),
        ({"surrogate": "squared_hinge", "margin": 2.0}, 2.25),
        ({"surrogate": "wmw"}, 0.0),
        ({"surrogate": "wmw", "gamma": 0.7}, 0.04),
        ({"surrogate": "wmw", "gamma": 0.7, "power": 3}, 0.008),
        ({"surrogate": "aucm"}, 0.25),
    ],
)
def test_one_pair_costs_what_its_formula_says(settings_, expected):
    loss = PairwiseAUROCLoss(**settings_)
    assert float(loss([1, 0], [[0.5], [0.0]])) == pytest.approx(expected, abs=1e-6)


def test_logistic_loss_of_three_scores_is_the_mean_of_two_pairs():
    value = PairwiseAUROCLoss()([1, 0, 0], [[1.0], [0.0], [3.0]])
    assert float(value) == pytest.approx((softplus(-1.0) + softplus(2.0)) / 2)


def test_logistic_loss_of_far_scores_does_not_overflow():
    assert float(PairwiseAUROCLoss()([1, 0], [[-500.0], [500.0]])) == 1000.0


@pytest.mark.parametrize("labels", [[1, 0, 0], [[1], [0], [0]], [[0, 1], [1, 0]] * 1])
def test_label_forms_agree(labels):
    loss = PairwiseAUROCLoss()
    one = [[1.0], [0.0], [0.0]][: len(labels)]
    two = [[0.5, 1.5], [1.0, 1.0], [2.0, 2.0]][: len(labels)]
    for logits in (one, two, [row[0] for row in one]):
        assert float(loss(labels, logits)) == pytest.approx(softplus(-1.0))


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_classes_are_averaged_one_against_the_rest(surrogate):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(9, 3))
    indices = np.array([0, 1, 2] * 3)
    loss = PairwiseAUROCLoss(surrogate)
    exponent = np.exp(logits)
    odds = np.log(exponent / (exponent.sum(axis=1, keepdims=True) - exponent))
    each = [float(loss(indices == k, odds[:, k])) for k in range(3)]
    for labels in (indices, indices[:, None], make_labels(indices, 3)):
        assert float(loss(labels, logits)) == pytest.approx(np.mean(each), rel=1e-5)


def test_absent_class_takes_no_part_in_the_mean():
    loss = PairwiseAUROCLoss()
    logits = np.array([[0.0, 1.0, -30.0], [1.0, 0.0, -30.0]])
    # Classes 0 and 1 have both sides, with d = -2 each; class 2 has none.
    assert float(loss([0, 1], logits)) == pytest.approx(softplus(2.0), rel=1e-5)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_constant_added_to_a_row_of_several_outputs_changes_nothing(surrogate):
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(8, 3))
    loss = PairwiseAUROCLoss(surrogate)
    labels = [0, 1, 2, 0, 1, 2, 0, 1]
    moved = logits + rng.normal(size=(8, 1))
    assert float(loss(labels, moved)) == pytest.approx(
        float(loss(labels, logits)), rel=1e-4
    )


# Weights.


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_integer_weights_are_repeated_rows(surrogate, n_outputs):
    rng = np.random.default_rng(2)
    indices = np.array([0, 1, 0, 1, 1, 0]) if n_outputs < 3 else np.arange(6) % 3
    logits = rng.normal(size=(6, n_outputs))
    times = np.array([1, 3, 2, 1, 0, 2])
    loss = PairwiseAUROCLoss(surrogate)
    repeated = loss(
        make_labels(np.repeat(indices, times), n_outputs),
        np.repeat(logits, times, axis=0),
    )
    labels = make_labels(indices, n_outputs)
    for weight in (times, times[:, None], tf.constant(times, dtype="float64")):
        assert float(loss(labels, logits, weight)) == pytest.approx(
            float(repeated), rel=1e-5
        )


@pytest.mark.parametrize(
    "loss", [*map(PairwiseAUROCLoss, SURROGATES), MixedAUROCLoss()]
)
def test_uniform_weights_change_nothing(loss):
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(7, 1)), [0, 1, 1, 0, 0, 1, 0]
    plain = float(loss(labels, logits))
    assert float(loss(labels, logits, np.full(7, 5.0))) == pytest.approx(plain)
    assert float(loss(labels, logits, 0.2)) == pytest.approx(plain)


def test_row_of_no_weight_has_no_influence_even_if_not_a_number():
    value, gradient = value_and_gradient(
        PairwiseAUROCLoss(), [1, 0, 0], [[1.0], [0.0], [np.nan]], [1.0, 1.0, 0.0]
    )
    assert value == pytest.approx(softplus(-1.0))
    assert np.isfinite(gradient).all()
    assert gradient[2, 0] == 0.0


def test_masked_rows_have_no_influence():
    logits = tf.constant([[1.0], [0.0], [9.0]])
    logits._keras_mask = tf.constant([True, True, False])
    value = PairwiseAUROCLoss()([1, 0, 0], logits)
    assert float(value) == pytest.approx(softplus(-1.0))


def test_half_precision_logits_are_read_in_single_precision():
    value = PairwiseAUROCLoss("squared_hinge")(
        tf.constant([1, 0]), tf.constant([[-300.0], [300.0]], dtype="float16")
    )
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(601.0**2)


# No pairs.


# Compiling takes seconds a shape: the number of outputs is varied eagerly only.
@pytest.mark.parametrize(
    ("mode", "n_outputs"),
    [("eager", 1), ("eager", 2), ("eager", 3), ("graph", 1), ("compiled", 1)],
)
@pytest.mark.parametrize("surrogate", [*SURROGATES, "wmw of power 3"])
def test_batch_without_pairs_gives_zero_and_zero_gradient(surrogate, n_outputs, mode):
    if surrogate == "wmw of power 3":
        loss = PairwiseAUROCLoss("wmw", power=3)
    else:
        loss = PairwiseAUROCLoss(surrogate)

    def evaluate(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(labels, logits)
        return value, tape.gradient(value, logits)

    if mode != "eager":
        evaluate = tf.function(evaluate, jit_compile=mode == "compiled")
    for indices in ([0, 0, 0], [1, 1, 1], []):
        labels = make_labels(np.array(indices, dtype=int), n_outputs)
        logits = np.linspace(-1e20, 1e3, 3 * n_outputs).reshape(3, n_outputs)
        logits = tf.constant(logits[: len(indices)], dtype="float32")
        value, gradient = evaluate(tf.constant(labels), logits)
        assert float(value) == 0.0
        np.testing.assert_array_equal(gradient, np.zeros(logits.shape))


# Rankings.

RANKINGS = st.lists(
    st.tuples(st.integers(-12, 12), st.booleans()),
    min_size=2,
    max_size=10,
    unique_by=lambda row: row[0],
).filter(lambda rows: len({label for _, label in rows}) == 2)


@settings(deadline=None, max_examples=30)
@given(rows=RANKINGS, surrogate=st.sampled_from(OVER_PAIRS))
def test_perfect_ranking_costs_less_than_any_other_of_the_same_scores(rows, surrogate):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    scores = scores[:, None] / 4.0
    perfect = np.zeros(len(labels), dtype=bool)
    perfect[np.argsort(scores[:, 0])[len(labels) - labels.sum() :]] = True
    loss = PairwiseAUROCLoss(surrogate)
    best, other = float(loss(perfect, scores)), float(loss(labels, scores))
    if (perfect == labels).all():
        assert other == best
    else:
        assert best < other


@settings(deadline=None, max_examples=30)
@given(
    rows=RANKINGS,
    shift=st.integers(-1000, 1000),
    surrogate=st.sampled_from(SURROGATES),
)
def test_shift_of_all_scores_changes_nothing(rows, shift, surrogate):
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    loss = PairwiseAUROCLoss(surrogate)
    value, gradient = value_and_gradient(loss, labels, scores[:, None])
    moved, slope = value_and_gradient(loss, labels, scores[:, None] + shift)
    np.testing.assert_allclose(moved, value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(slope, gradient, rtol=1e-3, atol=1e-5)


# The mixture.


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_mixture_is_the_sum_of_its_shares(n_outputs):
    rng = np.random.default_rng(4)
    indices = np.array([0, 1, 1, 0, 1]) if n_outputs < 3 else np.array([0, 1, 2, 0, 1])
    logits, weight = rng.normal(size=(5, n_outputs)), rng.random(5)
    labels = make_labels(indices, n_outputs)
    full = np.hstack([np.zeros((5, 1)), logits]) if n_outputs == 1 else logits
    log_p = full - np.log(np.exp(full).sum(axis=1, keepdims=True))
    rows = -log_p[np.arange(5), indices]
    pairs = float(PairwiseAUROCLoss("hinge")(labels, logits, weight))
    value = MixedAUROCLoss(0.3, surrogate="hinge")(labels, logits, weight)
    expected = 0.3 * pairs + 0.7 * np.average(rows, weights=weight)
    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_smoothed_cross_entropy_is_known(n_outputs):
    logits = [[0.0, 2.0]] if n_outputs == 2 else [[2.0]]
    value = MixedAUROCLoss(0.0, label_smoothing=0.2)([1], logits)
    assert float(value) == pytest.approx(0.9 * softplus(-2.0) + 0.1 * softplus(2.0))


def test_mixture_of_one_class_keeps_half_of_its_cross_entropy():
    value = MixedAUROCLoss()([1, 1], [[0.0], [0.0]])
    assert float(value) == pytest.approx(np.log(2.0) / 2)


def test_mixture_of_an_empty_batch_is_zero():
    value, gradient = value_and_gradient(
        MixedAUROCLoss(), np.zeros((0, 1)), np.zeros((0, 1))
    )
    assert value == 0.0
    assert gradient.shape == (0, 1)


# The elementwise form.


def test_elementwise_loss_lies_between_its_bounds():
    loss = ElementwiseAUROCLoss()
    right, wrong = [[1.0, 0.0]], [[0.0, 1.0]]
    assert float(loss([0], right)) == pytest.approx(0.2689414)
    assert float(loss([0], wrong)) == pytest.approx(0.7310586)
    assert loss.expects_probabilities


def test_elementwise_loss_prefers_a_constant_answer_to_a_perfect_ranking():
    labels = [0] * 9 + [1]
    constant, ranked = [[0.0]] * 10, [[0.3]] * 9 + [[0.4]]
    elementwise, pairwise = ElementwiseAUROCLoss(), PairwiseAUROCLoss()
    assert float(elementwise(labels, constant)) < float(elementwise(labels, ranked))
    assert float(pairwise(labels, constant)) > float(pairwise(labels, ranked))


def test_elementwise_loss_is_the_published_idiom():
    rng = np.random.default_rng(5)
    probability = rng.random(6)
    predicted = np.stack([1.0 - probability, probability], axis=1)
    labels = make_labels([0, 1, 1, 0, 1, 0], 2)
    difference = predicted[labels == 1] - predicted[labels == 0]
    expected = np.mean(1.0 / (1.0 + np.exp(difference)))
    value = ElementwiseAUROCLoss()(labels, predicted)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_elementwise_loss_refuses_three_classes():
    with pytest.raises(ValueError, match=r"two classes, got shape \(1, 3\)"):
        ElementwiseAUROCLoss()([0], [[0.2, 0.3, 0.5]])


# Training.


class Recorder(PairwiseAUROCLoss):
    """Keeps whether weights reached the loss."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        self.weighted = sample_weight is not None
        return super().__call__(y_true, y_pred, sample_weight)


def make_linear_model(n_outputs=1, **compile_settings):
    inputs = keras.Input((2,))
    dense = keras.layers.Dense(n_outputs, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, dense(inputs))
    model.compile(optimizer=keras.optimizers.SGD(1.0), **compile_settings)
    return model


@pytest.mark.training
@pytest.mark.parametrize(
    ("surrogate", "jit_compile"),
    [*((name, False) for name in SURROGATES), ("squared_hinge", True)],
)
def test_fit_follows_the_weighted_gradient(surrogate, jit_compile):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(12, 2)).astype(np.float32)
    y = (np.arange(12) % 3 == 0).astype(np.float32)[:, None]
    weight = rng.random(12).astype(np.float32)
    loss = Recorder(surrogate)
    model = make_linear_model(loss=loss, jit_compile=jit_compile)
    history = model.fit(X, y, sample_weight=weight, batch_size=12, verbose=0)
    value, gradient = value_and_gradient(
        PairwiseAUROCLoss(surrogate), y, np.zeros((12, 1)), weight
    )
    assert loss.weighted
    assert history.history["loss"][0] == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(
        model.get_weights()[0], -X.T @ gradient, rtol=1e-3, atol=1e-6
    )


@pytest.mark.training
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_fit_by_the_default_loss_learns_to_rank(n_outputs):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(60, 2)).astype(np.float32)
    indices = np.digitize(X[:, 0], [0.0] if n_outputs < 3 else [-0.5, 0.5])
    y = make_labels(indices, n_outputs)
    loss = get_loss("auroc_crossentropy", n_outputs=n_outputs)
    model = make_linear_model(n_outputs, loss=loss)
    losses = model.fit(X, y, epochs=10, verbose=0, shuffle=False).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


# Raised inside Keras where it writes its own variables with numpy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saved_model_gives_the_same_loss_in_a_new_process(tmp_path):
    loss = MixedAUROCLoss(0.25, surrogate="wmw", gamma=0.5, power=3)
    model = make_linear_model(2, loss=loss)
    X = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 1.0]], dtype=np.float32)
    y = np.array([1.0, 0.0, 1.0])
    model.set_weights([np.array([[0.3, -0.1], [1.0, 0.2]])])
    expected = model.evaluate(X, y, verbose=0)
    model.save(tmp_path / "model.keras")
    code = (
        "import sys, keras, heartbeat_clf.losses\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        f"X = keras.ops.array({X.tolist()})\n"
        f"y = keras.ops.array({y.tolist()})\n"
        "print(type(model.loss).__name__, model.evaluate(X, y, verbose=0))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert answer[-2] == "MixedAUROCLoss"
    assert float(answer[-1]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        PairwiseAUROCLoss("wmw", gamma=0.7, power=3, margin=2.0, temperature=0.5),
        MixedAUROCLoss(0.2, surrogate="hinge", margin=3.0, label_smoothing=0.1),
        ElementwiseAUROCLoss(),
        OnProbabilities(keras.losses.KLDivergence(), from_logits=False),
        OnLogOdds(keras.losses.BinaryCrossentropy(from_logits=True)),
        OnLogits(
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            sparse_labels=True,
        ),
    ],
)
def test_losses_survive_serialisation(loss):
    stored = keras.losses.serialize(loss)
    assert stored["registered_name"] == f"heartbeat_clf>{type(loss).__name__}"
    loaded = keras.losses.deserialize(stored)
    assert type(loaded) is type(loss)
    assert loaded.get_config() == loss.get_config()
    labels, outputs = [[0, 1], [1, 0]], [[0.2, 0.8], [0.7, 0.3]]
    assert float(loaded(labels, outputs)) == float(loss(labels, outputs))


# Settings.


@pytest.mark.parametrize(
    ("settings_", "match"),
    [
        ({"surrogate": "square"}, "'square'"),
        ({"margin": 0.0}, "margin must be .*, got 0.0"),
        ({"temperature": -1.0}, "temperature must be .*, got -1.0"),
        ({"gamma": 0.0}, "gamma must be .*, got 0.0"),
        ({"power": 1}, "power must be .*, got 1"),
        ({"reduction": "sum"}, "got 'sum'. A loss over pairs has one value a batch"),
        ({"reduction": None}, "got None. A loss over pairs has one value a batch"),
    ],
)
@pytest.mark.parametrize("build", [PairwiseAUROCLoss, MixedAUROCLoss])
def test_bad_settings_are_refused(build, settings_, match):
    with pytest.raises(ValueError, match=match):
        build(**settings_)


@pytest.mark.parametrize("name", ["auroc_weight", "label_smoothing"])
def test_shares_beyond_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be .*, got 1.5"):
        MixedAUROCLoss(**{name: 1.5})


def test_setting_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match=r"margin must be .*, got str '1'"):
        PairwiseAUROCLoss(margin="1")


@pytest.mark.parametrize(
    ("labels", "logits", "weight", "match"),
    [
        ([0, 1], np.zeros((2, 3, 1)), None, r"Expected y_pred .*\(2, 3, 1\)"),
        (np.zeros((2, 4)), np.zeros((2, 3)), None, r"Expected y_true .*\(2, 4\)"),
        ([0, 1], np.zeros((2, 1)), np.ones((2, 2)), r"Expected sample_weight .*\(2, 2"),
    ],
)
def test_bad_shapes_are_refused(labels, logits, weight, match):
    with pytest.raises(ValueError, match=match):
        PairwiseAUROCLoss()(labels, logits, weight)


def test_bad_mask_is_refused():
    logits = tf.constant([[1.0], [0.0]])
    logits._keras_mask = tf.ones((2, 3), dtype="bool")
    with pytest.raises(ValueError, match=r"Expected mask .*\(2, 3\)"):
        PairwiseAUROCLoss()([1, 0], logits)


# Losses by name.


@pytest.mark.parametrize(
    ("name", "surrogate"),
    [("auroc", "logistic"), *((f"auroc_{name}", name) for name in SURROGATES)],
)
def test_auroc_names_give_their_surrogates(name, surrogate):
    assert get_loss(name, n_outputs=1).surrogate == surrogate


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("name", KERAS_NAMES)
def test_keras_losses_by_name_prefer_right_answers(name, n_outputs):
    indices = np.array([0, 1, 1, 0]) if n_outputs < 3 else np.array([0, 1, 2, 0])
    labels = make_labels(indices, n_outputs)
    right = 4.0 * labels - 2.0
    loss = get_loss(name, n_outputs=n_outputs)
    assert isinstance(loss, keras.losses.Loss)
    good, bad = float(loss(labels, right)), float(loss(labels, -right))
    assert np.isfinite([good, bad]).all()
    assert good < bad
    value, gradient = value_and_gradient(loss, labels, 0.1 * right, np.ones(4))
    assert np.isfinite(value)
    assert np.abs(gradient).max() > 0.0


@pytest.mark.parametrize("name", KERAS_NAMES)
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_keras_losses_by_name_take_probabilities_when_told_so(name, n_outputs):
    indices = np.array([0, 1, 1, 0]) if n_outputs < 3 else np.array([0, 1, 2, 0])
    labels = make_labels(indices, n_outputs)
    loss = get_loss(name, n_outputs=n_outputs, from_logits=False)
    right = 0.1 + (0.8 if n_outputs == 1 else 0.9 - 0.1 * n_outputs) * labels
    wrong = right[::-1] if n_outputs == 3 else 1.0 - right
    assert float(loss(labels, right)) < float(loss(labels, wrong))


@pytest.mark.parametrize(
    "name",
    [
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "kl_divergence",
    ],
)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_two_class_losses_by_name_are_minus_the_log_probability(name, n_outputs):
    loss = get_loss(name, n_outputs=n_outputs)
    logits = np.array([[1.5]] if n_outputs == 1 else [[1.0, 2.5]])
    value = loss(make_labels([0], n_outputs), logits)
    assert float(value) == pytest.approx(softplus(1.5), rel=1e-5)


def test_cross_entropy_by_name_keeps_its_gradient_on_far_logits():
    for name in ("binary_crossentropy", "categorical_crossentropy"):
        for n_outputs in (1, 2, 3):
            labels = make_labels([1], n_outputs)
            _, gradient = value_and_gradient(
                get_loss(name, n_outputs=n_outputs), labels, 100.0 - 200.0 * labels
            )
            assert np.abs(gradient).max() > 0.3


@pytest.mark.parametrize("name", ["kl_divergence", "binary_crossentropy", "dice"])
def test_adapted_losses_pass_weights_on(name):
    loss = get_loss(name, n_outputs=2)
    labels, logits = make_labels([0, 1], 2), np.array([[1.0, 0.0], [3.0, 1.0]])
    doubled = loss(labels, logits, np.array([2.0, 2.0]))
    assert float(doubled) == pytest.approx(2.0 * float(loss(labels, logits)), rel=1e-5)


def test_adapted_losses_pass_masks_on():
    logits = tf.constant([[0.0], [5.0]])
    logits._keras_mask = tf.constant([True, False])
    value = get_loss("kl_divergence", n_outputs=1)(tf.constant([[1.0], [0.0]]), logits)
    assert float(value) == pytest.approx(np.log(2.0), rel=1e-5)


def test_adapted_loss_is_its_own_call():
    loss = get_loss("kl_divergence", n_outputs=1)
    assert float(loss.call([[1.0]], [[0.0]])) == pytest.approx(np.log(2.0), rel=1e-5)
    assert float(PairwiseAUROCLoss("hinge").call([1, 0], [[0.0], [0.0]])) == 1.0


def test_elementwise_loss_by_name_takes_what_the_network_gives():
    on_logits = get_loss("elementwise_auroc", n_outputs=2)
    on_softmax = get_loss("elementwise_auroc", n_outputs=2, from_logits=False)
    assert not on_logits.expects_probabilities
    assert on_softmax.expects_probabilities
    logits = np.array([[0.3, -1.0], [2.0, 1.0]], dtype=np.float32)
    softmax = tf.nn.softmax(logits)
    assert float(on_logits([0, 1], logits)) == pytest.approx(
        float(on_softmax([0, 1], softmax))
    )


def test_loss_objects_and_functions_are_used_as_they_are():
    loss = keras.losses.BinaryCrossentropy()
    assert get_loss(loss, n_outputs=1) is loss
    assert get_loss(keras.losses.mean_squared_error, n_outputs=1) is (
        keras.losses.mean_squared_error
    )


def test_classes_and_configurations_are_taken():
    assert get_loss(MixedAUROCLoss, n_outputs=1).auroc_weight == 0.5
    loss = get_loss(keras.losses.BinaryCrossentropy, n_outputs=1)
    assert loss.get_config()["from_logits"]
    stored = keras.losses.serialize(PairwiseAUROCLoss("hinge"))
    assert get_loss(stored, n_outputs=1).surrogate == "hinge"


def test_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match=r"'auroc'.*'kl_divergence'.*got 'auc'"):
        get_loss("auc", n_outputs=1)


@pytest.mark.parametrize("name", ["ctc", "Circle"])
def test_losses_without_a_label_a_row_are_refused(name):
    with pytest.raises(ValueError, match=f"got '{name}', which takes sequences"):
        get_loss(name, n_outputs=2)


def test_auroc_loss_of_probabilities_is_refused():
    with pytest.raises(ValueError, match="network of logits for the loss 'auroc'"):
        get_loss("auroc", n_outputs=1, from_logits=False)


def test_loss_of_another_type_is_refused():
    with pytest.raises(TypeError, match="got int 3"):
        get_loss(3, n_outputs=1)


def test_no_outputs_are_refused():
    with pytest.raises(ValueError, match=r"n_outputs must be .*, got 0"):
        get_loss("auroc", n_outputs=0)


def test_adapter_refuses_what_is_no_loss():
    with pytest.raises(TypeError, match="Use get_loss for a loss given by name"):
        OnProbabilities("kl_divergence")
