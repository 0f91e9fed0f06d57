#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes requirements/*.txt, the exact versions that `make setup` installs, from requirements/*.in.
# Run it after a change of an .in file: scripts/lock.bash [python3.11]
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
"${1:-python3}" -m venv "$scratch/venv"
pip="$scratch/venv/bin/pip"

# Every distribution that pip installed, as name==version, without pip itself and without the
# build's local suffix (+cpu). The ROS wheels carry egg-info of modules that are no packages of
# their own; pip has left no INSTALLER file in those.
freeze() {
  "$scratch/venv/bin/python" - <<'PYTHON'
from importlib.metadata import distributions

pins = {
    f'{dist.metadata["Name"].lower().replace("_", "-")}=={dist.version.split("+")[0]}'
    for dist in distributions()
    if dist.read_text('INSTALLER') is not None and dist.metadata['Name'] != 'pip'
}
print('\n'.join(sorted(pins)))
PYTHON
}

"$pip" install --quiet -r requirements/python.in
freeze > "$scratch/python.txt"
"$pip" install --quiet -c "$scratch/python.txt" -r requirements/ros.in
freeze > "$scratch/all.txt"

header='# Made by scripts/lock.bash: change the .in file and run it again.'
{ echo "$header"; cat "$scratch/python.txt"; } > requirements/python.txt
{ echo "$header"; comm -13 "$scratch/python.txt" "$scratch/all.txt"; } > requirements/ros.txt
wc -l requirements/*.txt
