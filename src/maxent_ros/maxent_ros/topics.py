# SPDX-License-Identifier: Apache-2.0
"""Names of topics and services, relative so that several robots can share one graph."""

from __future__ import annotations

JOINT_STATES = 'robot/joint_states'
JOINT_STATE_PUBLISH_RATE = 'robot/joint_state_publish_rate'
ROBOT_STATE = 'robot/state'
JOINT_LIMITS = 'robot/joint_limits'
SET_SUPER_ENABLE = 'robot/set_super_enable'
SET_SUPER_STOP = 'robot/set_super_stop'
SET_SUPER_RESET = 'robot/set_super_reset'

JOINT_COMMAND = 'robot/limb/right/joint_command'
JOINT_COMMAND_TIMEOUT = 'robot/limb/right/joint_command_timeout'
SET_SPEED_RATIO = 'robot/limb/right/set_speed_ratio'
ENDPOINT_STATE = 'robot/limb/right/endpoint_state'
FOLLOW_JOINT_TRAJECTORY = 'robot/limb/right/follow_joint_trajectory'

# Minitaur: Ghost Robotics' names where there are any, below the robot's name; the rest as
# ros2_control does.
MINITAUR_JOINT = 'robot0/state/joint'
MINITAUR_JOINT_URDF = 'robot0/state/jointURDF'
MINITAUR_IMU = 'robot0/state/imu'
MINITAUR_BATTERY = 'robot0/state/batteryState'
MINITAUR_BEHAVIOR_ID = 'robot0/state/behaviorId'
MINITAUR_BEHAVIOR_MODE = 'robot0/state/behaviorMode'
MINITAUR_POSE = 'robot0/state/pose'
MINITAUR_ODOMETRY = 'robot0/odom'
MINITAUR_COMMAND = 'robot0/joint_position_controller/commands'
MINITAUR_LEG_COMMAND = 'robot0/command/leg_cmd'
MINITAUR_CMD_VEL = 'robot0/command/cmd_vel'
MINITAUR_SET_BEHAVIOR_ID = 'robot0/command/behaviorId'
MINITAUR_SET_BEHAVIOR_MODE = 'robot0/command/behaviorMode'
MINITAUR_TRAJECTORY = 'robot0/joint_trajectory_controller/follow_joint_trajectory'

DCLAW_JOINT_STATES = 'dclaw/joint_states'
DCLAW_COMMAND = 'dclaw/joint_position_controller/commands'
DCLAW_TRAJECTORY = 'dclaw/joint_trajectory_controller/follow_joint_trajectory'
DCLAW_VALVE = 'dclaw/valve/joint_states'
DCLAW_VALVE_GOAL = 'dclaw/valve/goal'
DCLAW_IMAGE = 'dclaw/camera/image_raw'
DCLAW_CAMERA_INFO = 'dclaw/camera/camera_info'
DCLAW_ENGAGE = 'dclaw/set_motors_engaged'

POLICY_ACTION = 'policy/action'
STEP = 'policy/step'
APPLIED_COMMAND = 'guard/applied_command'
SAFETY_STATUS = 'guard/status'
EMERGENCY_STOP = 'emergency_stop'
EMERGENCY_STOP_SERVICE = 'guard/emergency_stop'
CLEAR_EMERGENCY_STOP_SERVICE = 'guard/clear_emergency_stop'

LEARNER_STATUS = 'learner/status'
POLICY_CHUNK = 'learner/policy_chunk'
GET_LATEST_POLICY = 'learner/get_latest_policy'
SAVE_CHECKPOINT = 'learner/save_checkpoint'
EXTRACT_COMPOSITION = 'learner/extract_composition'
TRAIN_OFFLINE = 'learner/train_offline'

LIST_SKILLS = 'policy/list_skills'
ACTIVATE_SKILL = 'policy/activate_skill'
COMPOSE_SKILLS = 'policy/compose_skills'

GOAL = 'task/goal'
RESET_SIMULATION = 'simulation/reset'
CLOCK = '/clock'
DIAGNOSTICS = '/diagnostics'
