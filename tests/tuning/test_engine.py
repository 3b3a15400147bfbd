"""What KerasTuner does not promise and this package relies on.

KerasTuner's oracles and its service cannot be extended through public names alone. When
an upgrade moves or renames one of these, a test here says which, and where it is used.
"""

import ast
import inspect
from importlib import metadata, util
from pathlib import Path

import keras_tuner
import pytest
from keras_tuner import oracles
from keras_tuner.engine import base_tuner, oracle, trial
from keras_tuner.src import protos
from keras_tuner.src.distribute import oracle_chief, oracle_client
from keras_tuner.src.tuners.gridsearch import LinkedList

TESTED_WITH = "1.4.8"

# Methods that are replaced: class, name, arguments, who calls it in KerasTuner.
REPLACED = [
    (oracle.Oracle, "populate_space", "trial_id", "create_trial"),
    (oracle.Oracle, "_get_oracle_fname", "", "save"),
    (oracles.RandomSearchOracle, "_random_values", "", "populate_space"),
    (
        oracles.BayesianOptimizationOracle,
        "_random_values",
        "",
        "_random_populate_space",
    ),
    (oracles.HyperbandOracle, "_random_values", "", "_random_trial"),
    (oracles.HyperbandOracle, "_increment_bracket_num", "", "populate_space"),
    (oracles.HyperbandOracle, "_get_size", "bracket_num, round_num", "populate_space"),
    (oracles.HyperbandOracle, "_get_num_brackets", "", "__init__"),
    (base_tuner.BaseTuner, "_get_tuner_fname", "", "__init__"),
    (base_tuner.BaseTuner, "pre_create_trial", "", "search"),
    (base_tuner.BaseTuner, "on_trial_begin", "trial", "search"),
    (base_tuner.BaseTuner, "on_trial_end", "trial", "search"),
]

# Attributes that are read or set: class and name, and where they are used here.
ATTRIBUTES = [
    (oracle.Oracle, "_retry_queue", "tuning/oracles.py and tuning/chief.py"),
    (oracle.Oracle, "ongoing_trials", "tuning/oracles.py and tuning/chief.py"),
    (oracle.Oracle, "start_order", "tuning/hypermodel.py"),
    (oracle.Oracle, "max_trials", "tuning/oracles.py"),
    (oracles.BayesianOptimizationOracle, "_random_state", "tuning/oracles.py"),
    (oracles.GridSearchOracle, "_ordered_ids", "tuning/oracles.py"),
    (oracles.GridSearchOracle, "_populate_next", "tuning/oracles.py"),
    (oracle_chief.OracleServicer, "stop_triggered", "tuning/chief.py"),
]

# Modules outside the public names.
MODULES = [
    ("keras_tuner.src.protos", "get_service_grpc", "tuning/chief.py"),
    ("keras_tuner.src.protos", "get_service", "tuning/chief.py"),
    ("keras_tuner.src.distribute.oracle_chief", "OracleServicer", "tuning/chief.py"),
    ("keras_tuner.engine.trial", "Trial", "tuning/oracles.py"),
]


def source_of(function):
    return inspect.getsource(inspect.unwrap(function))


@pytest.mark.parametrize(("cls", "name", "arguments", "caller"), REPLACED)
def test_what_is_replaced_is_still_called(cls, name, arguments, caller):
    where = f"KerasTuner {metadata.version('keras-tuner')}: {cls.__name__}"
    found = getattr(cls, name, None)
    assert found is not None, f"{where}.{name} is gone: see tuning/oracles.py"
    given = [n for n in inspect.signature(found).parameters if n != "self"]
    assert given == [n for n in arguments.split(", ") if n], f"{where}.{name}{given}"
    # A wrapper hides the source of a synchronised method, but not that of its class.
    calling = source_of(cls).split(f"def {caller}(")[1].split("    def ")[0]
    assert f"self.{name}(" in calling, f"{where}.{caller} does not call {name} any more"


@pytest.mark.parametrize(("cls", "name", "used"), ATTRIBUTES)
def test_what_is_read_is_still_there(cls, name, used):
    classes = [c for c in cls.__mro__ if inspect.isfunction(vars(c).get("__init__"))]
    set_in = "".join(source_of(c.__init__) for c in classes)
    assert f"self.{name} " in set_in, f"{cls.__name__}.{name} is gone: see {used}"


@pytest.mark.parametrize(("module", "name", "used"), MODULES)
def test_modules_outside_the_public_names_are_still_there(module, name, used):
    assert util.find_spec(module) is not None, f"{module} is gone: see {used}"
    found = getattr(__import__(module, fromlist=[name]), name, None)
    assert found is not None, f"{module}.{name} is gone: see {used}"


def test_a_trial_goes_to_a_worker_and_back_with_its_further_values():
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0.0, 1.0)
    hp.values = {"rate": 0.5, "tuner/repeats": "03", "tuner/seed": 2}
    sent = trial.Trial(hp, trial_id="7", status="RUNNING").to_proto()
    found = trial.Trial.from_proto(sent)
    assert found.hyperparameters.values == hp.values
    assert found.trial_id == "7"


def test_the_service_has_the_calls_that_are_answered_here():
    service = protos.get_service_grpc().OracleServicer
    for call in ("CreateTrial", "EndTrial"):
        assert hasattr(service, call)
        assert hasattr(oracle_chief.OracleServicer, call)
    # Workers find the chief, and their own name, in these variables.
    text = source_of(oracle_client.OracleClient.__init__)
    named = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
    assert all(name in text for name in named)


def test_the_grids_list_takes_and_follows_ids():
    ids = LinkedList()
    for trial_id in ("0", "1"):
        ids.insert(trial_id)
    assert ids.next("0") == "1"
    assert ids.next("1") is None


def test_no_other_private_name_is_used(root):
    listed = {name for _, name, *_ in (*REPLACED, *ATTRIBUTES)}
    own = set()
    for path in sorted((root / "tuning").glob("*.py")):
        text = path.read_text()
        defined = {w.split("(")[0] for w in text.split("def ")[1:]}
        own |= {name for name in defined if name.startswith("_")}
    for name in ("oracles.py", "chief.py", "worker.py", "hypermodel.py", "search.py"):
        used = set(private_names(root / "tuning" / name)) - {"_exit"}  # of os
        assert used <= listed | own, f"{name}: add {used - listed - own} to the lists"


def private_names(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            if not node.attr.startswith("__"):
                yield node.attr


def test_the_version_that_was_tested_is_allowed():
    found = tuple(map(int, metadata.version("keras-tuner").split(".")[:3]))
    assert found >= tuple(map(int, TESTED_WITH.split(".")))
