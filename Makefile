# Short names for the commands in README.md and CONTRIBUTING.md. Activate an environment first, or run `make setup`.

.PHONY: setup app test lint format docs audit bench

setup:  ## a virtual environment in .venv with everything that the tests need
	python3 -m venv .venv
	.venv/bin/pip install -r requirements.txt -r tests/requirements.txt

app:  ## the dashboard on http://localhost:8501
	streamlit run app.py

test:  ## every test
	pytest -n 4 --dist loadfile

lint:  ## what CI checks before the tests
	ruff check .
	ruff format --check .
	mypy

format:  ## write what `ruff` can correct by itself
	ruff check --fix .
	ruff format .

docs:  ## the generated parts of README.md and docs/
	python tests/readme.py

audit:  ## known vulnerabilities of the pinned dependencies; fails for one that cannot be looked up
	pip install --quiet pip-audit
	pip-audit --strict --no-deps --disable-pip -r requirements.txt

bench:  ## one benchmark: make bench NAME=lga
	python -m lga_core bench $(NAME)
