#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv (dependencies) and install/ (every package of this checkout). `make setup` runs it.
# Each step leaves a stamp, a hash of what it was made from, and is skipped while that still holds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
unset MAKEFLAGS MAKELEVEL MFLAGS # of the make that called: colcon sets its own

say() { echo "setup: $*"; }
fail() {
  echo "setup: $*" >&2
  exit 1
}

# Prints one hash of the files named on standard input, of their paths and contents.
hash_files() { LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }
stamped() { [ "$(cat "$1.stamp" 2> /dev/null)" = "$2" ]; }
stamp() { echo "$2" > "$1.stamp"; }

# Takes this checkout's own folders out of a list of paths.
without_root() { tr ':' '\n' <<< "$1" | { grep -v -e "^$root/" -e '^$' || true; } | paste -sd:; }

# Prints `system` where ROS 2 Jazzy is sourced, else `wheels`. Our own wheels do not count.
ros_source() {
  local prefix
  for prefix in ${AMENT_PREFIX_PATH//:/ }; do
    if [ -e "$prefix/share/rclpy/package.xml" ]; then
      [ "${ROS_DISTRO:-}" = jazzy ] || fail "ROS '${ROS_DISTRO:-?}' is sourced ($prefix), but only" \
        "jazzy is supported: use a shell without it, and ROS 2 Jazzy is installed from wheels"
      echo system
      return
    fi
  done
  echo wheels
}

# Whether ROS brings a package.
has_package() { # name
  local prefix
  for prefix in ${AMENT_PREFIX_PATH//:/ }; do
    [ ! -e "$prefix/share/ament_index/resource_index/packages/$1" ] || return 0
  done
  return 1
}

# Prints the interpreter to make .venv with.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.12 python3.11}; do
    # The base executable, for `python3` may be the very .venv that is to be made anew.
    "$candidate" -c 'import sys
if sys.version_info[:2] not in {(3, 11), (3, 12)}:
    sys.exit(1)
print(sys._base_executable)' 2> /dev/null && return
  done
  fail "needs Python 3.11 or 3.12 (ROS 2 Jazzy exists for no other), tried:" \
    "${PYTHON:-python3 python3.12 python3.11}. Install one and name it: make setup PYTHON=python3.12"
}

check_tools() {
  local tool
  for tool in gcc g++ make; do
    command -v "$tool" > /dev/null || fail "$tool is missing, needed to build message types:" \
      "sudo apt install build-essential"
  done
}

make_venv() { # ros source
  local key="$root $1" python
  stamped .venv/venv "$key" && return
  python="$(find_python)"
  "$python" -c 'import ensurepip, venv' 2> /dev/null \
    || fail "$python cannot make virtual environments: sudo apt install python3-venv"
  "$python" -c 'import os, sysconfig
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2> /dev/null \
    || fail "Python.h of $python is missing, needed to build message types: sudo apt install python3-dev"
  say "making .venv with $("$python" --version), ROS from $1"
  rm -rf .venv build install
  if [ "$1" = system ]; then
    "$python" -m venv --system-site-packages .venv
  else
    "$python" -m venv .venv
  fi
  stamp .venv/venv "$key"
}

pip_install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }

install_dependencies() { # ros source
  local key
  key="$(printf '%s\0' requirements/*.txt scripts/relocate_wheels.py | hash_files)"
  stamped .venv/dependencies "$key" && return
  say "installing dependencies (1-2 minutes)"
  if [ "$1" = system ]; then
    # What the system has as well is installed all the same: colcon writes the path of the Python
    # that it runs under into executables, and that must be the one that finds torch.
    pip_install --ignore-installed -r requirements/python.txt
  else
    pip_install -r requirements/python.txt
    pip_install --no-deps -r requirements/ros.txt
    .venv/bin/python scripts/relocate_wheels.py
  fi
  stamp .venv/dependencies "$key"
}

# Runs colcon on the packages given as arguments; shows its output only if it fails.
build() {
  local log="$root/log/setup.log"
  mkdir -p log
  if ! colcon --log-base log build --symlink-install --parallel-workers "$(nproc)" \
    --event-handlers console_cohesion+ desktop_notification- \
    --cmake-args -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$root/.venv/bin/python" \
    --base-paths "$@" > "$log" 2>&1; then
    tail -n 60 "$log" >&2
    fail "colcon failed; the whole output is in $log"
  fi
}

build_interfaces() { # folders of the interface packages
  local key
  key="$( (find "$@" -type f -print0 && printf '%s\0' .venv/dependencies.stamp) | hash_files)"
  stamped build/interfaces "$key" && [ -e install/local_setup.bash ] && return
  say "building message types (about 40 s on two cores)"
  build "$@"
  stamp build/interfaces "$key"
}

# Removes what was built of packages that are no longer there.
prune() { # folders of all packages
  local built name
  for built in install/*/ build/*/; do
    name="$(basename "$built")"
    [[ " ${*##*/} " == *" $name "* ]] || rm -rf "$built"
  done
}

# Prints the names of the files that packages install as data.
data_files() { # folders of the Python packages
  local folder
  find "$@" ! -type d ! -name '*.py' ! -path '*/test/*' ! -path '*/__pycache__/*' ! -path '*/.*'
  for folder in launch config; do
    if [ -d "$folder" ]; then find "$folder" ! -type d; fi
  done
}

# Python sources and data files are linked, so only what describes a package calls for a build.
build_python() { # folders of the Python packages
  local key
  key="$( (find "$@" -type f \( -name package.xml -o -name 'setup.*' \) -print0 \
    && printf '%s\0' build/interfaces.stamp) | hash_files)"
  key+=" $(data_files "$@" | LC_ALL=C sort | sha256sum | cut -d' ' -f1)"
  stamped build/packages "$key" && return
  say "linking the Python packages"
  build "$@"
  stamp build/packages "$key"
}

main() {
  local ros interfaces=(src/maxent_msgs src/intera_core_msgs) packages=() folder
  exec 9> .setup.lock
  flock 9 # two `make` in one checkout take turns
  AMENT_PREFIX_PATH="$(without_root "${AMENT_PREFIX_PATH:-}")"
  CMAKE_PREFIX_PATH="$(without_root "${CMAKE_PREFIX_PATH:-}")"
  ros="$(ros_source)"
  check_tools
  make_venv "$ros"
  install_dependencies "$ros"

  export PATH="$root/.venv/bin:$PATH" VIRTUAL_ENV="$root/.venv"
  if [ "$ros" = wheels ]; then
    AMENT_PREFIX_PATH="$root/.venv" CMAKE_PREFIX_PATH="$root/.venv"
  fi
  export AMENT_PREFIX_PATH CMAKE_PREFIX_PATH
  has_package control_msgs || interfaces+=(compat/control_msgs)
  for folder in src/*/setup.py; do packages+=("$(dirname "$folder")"); done

  prune "${interfaces[@]}" "${packages[@]}"
  build_interfaces "${interfaces[@]}"
  build_python "${packages[@]}"
}

main "$@"
