# make demo: from nothing to a tuned, exported, verified model and a table of scores.
# make test: lint and the whole test suite.
# make site: the documentation as pages, in site/.

PYTHON ?= python3
VENV ?= .venv
KASTRO = $(VENV)/bin/kastro
DEMO = runs/demo

# A demo-sized search: every step of the real one, on fewer lenses and epochs.
SIZE ?= data.simulated_rows=2400 tune.trials=6 tune.epochs=30 train.epochs=100 \
	physics.simulated_lenses=10000 physics.epochs=12

.PHONY: demo test lint site clean

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet -e ".[train,stellar,test]"
	touch $@

demo: $(VENV)/installed
	$(KASTRO) tune lensing $(addprefix --set ,$(SIZE)) -o $(DEMO) --overwrite
	$(KASTRO) export $(DEMO) --format tflite --overwrite
	$(KASTRO) simulate lensing -n 50 --seed 7 -o $(DEMO)/night.h5 --overwrite
	$(KASTRO) predict $(DEMO)/exports/tflite-float16/lensing-float16.tflite \
		$(DEMO)/night.h5 -o $(DEMO)/night.ecsv --overwrite
	@echo "report:  $(DEMO)/report.html"
	@echo "search:  $(DEMO)/tuning.html"
	@echo "scores:  $(DEMO)/night.ecsv"

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# A process that crashes is not started again: the scheduler would wait for it for ever.
# A test that hangs for a quarter of an hour is such a crash, with the stack of its threads.
test: lint
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadscope --max-worker-restart 0 \
		-o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true

# The documentation, offline: site/index.html. A warning is an error.
site: $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet -e ".[docs]"
	TF_CPP_MIN_LOG_LEVEL=3 $(VENV)/bin/python -m sphinx -q -W --keep-going -b html docs site

clean:
	rm -rf $(VENV) runs site docs/api
