# SPDX-License-Identifier: Apache-2.0
# Puts `maxent` and every package of this checkout into a bash shell: `. ./setup.bash`.
# Run `make setup` first. Safe to source more than once, from any folder.

_maxent_root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# Puts a folder in front of the path list in the named variable, once.
_maxent_prepend() {
  case ":${!1-}:" in
    *":$2:"*) ;;
    *) export "$1=$2${!1:+:${!1}}" ;;
  esac
}

if [ ! -e "$_maxent_root/.venv/bin/activate" ] || [ ! -e "$_maxent_root/install/local_setup.bash" ]; then
  echo "setup.bash: nothing is built in $_maxent_root yet: run 'make setup' there first" >&2
  unset -f _maxent_prepend
  unset _maxent_root
  return 1
fi

. "$_maxent_root/.venv/bin/activate"

if [ -e "$_maxent_root/.venv/share/ament_index" ]; then
  # ROS comes from wheels, and the virtual environment is the ament prefix. Its libraries are
  # found through LD_LIBRARY_PATH, which the wheels would otherwise set by starting Python twice.
  _maxent_prepend AMENT_PREFIX_PATH "$_maxent_root/.venv"
  _maxent_prepend CMAKE_PREFIX_PATH "$_maxent_root/.venv"
  for _maxent_folder in "$_maxent_root"/.venv/lib/python3.*/site-packages/ros_*.libs; do
    _maxent_prepend LD_LIBRARY_PATH "$_maxent_folder"
  done
  _maxent_prepend LD_LIBRARY_PATH "$_maxent_root/.venv/lib"
  export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
  unset _maxent_folder
  . "$_maxent_root/install/local_setup.bash"
else
  . "$_maxent_root/install/setup.bash" # sources the ROS installation that it was built with, too
fi
_maxent_prepend PATH "$_maxent_root/install/maxent_bringup/bin"

export RMW_IMPLEMENTATION="${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}"
export FASTRTPS_DEFAULT_PROFILES_FILE="${FASTRTPS_DEFAULT_PROFILES_FILE:-$_maxent_root/config/fastdds.xml}"
export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"

unset -f _maxent_prepend
unset _maxent_root
