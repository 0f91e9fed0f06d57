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

LIST_SKILLS = 'policy/list_skills'
ACTIVATE_SKILL = 'policy/activate_skill'
COMPOSE_SKILLS = 'policy/compose_skills'

GOAL = 'task/goal'
RESET_SIMULATION = 'simulation/reset'
CLOCK = '/clock'
DIAGNOSTICS = '/diagnostics'
