# SPDX-License-Identifier: Apache-2.0
# Every target sets up what it needs first; see CONTRIBUTING.md.

SHELL := /bin/bash
ROBOT ?= sawyer
TASK ?= auto
SKILL ?= my_$(ROBOT)
ARGS ?=
ROW ?=
IN_ENVIRONMENT := . ./setup.bash &&

.PHONY: setup train test lint type bench clean

setup: ## .venv with the dependencies, install/ with every package
	@scripts/setup.bash

train: setup ## learn TASK with ROBOT through the ROS graph, as skills/SKILL
	@$(IN_ENVIRONMENT) maxent train --robot $(ROBOT) --task $(TASK) --skill $(SKILL) $(ARGS)

test: setup ## every test; the reasons of skips and the totals come last. ARGS='src/maxent_rl -k name'
	@$(IN_ENVIRONMENT) python -m pytest -rs $(ARGS)

lint: setup ## formatting and style
	@$(IN_ENVIRONMENT) ruff format --check . && ruff check .

type: setup ## types of the packages that know no ROS
	@$(IN_ENVIRONMENT) mypy

bench: setup ## the benchmark ROW, or a list of all. ROW=fuzz ARGS='--seed 1'
	@$(IN_ENVIRONMENT) maxent bench $(ROW) $(ARGS)

clean: ## remove everything that setup made
	rm -rf .venv build install log .setup.lock
