# SPDX-License-Identifier: Apache-2.0
"""What the guard noticed or did, one bit each: AppliedCommand.flags and SafetyStatus.flags."""

from enum import IntFlag


class Flag(IntFlag):
    """Bits that a tick can raise; values are part of the messages and never change."""

    NON_FINITE_DESIRED = 1 << 0  # a wished value was NaN or infinite: braked instead
    NON_FINITE_STATE = 1 << 1  # a measured value was NaN or infinite: let go or held
    NON_FINITE_OUTPUT = 1 << 2  # the filter failed: safe fall-back sent (fail closed)
    CLIPPED = 1 << 3  # the wish lay outside command_effort or the soft position limits
    BLEND = 1 << 4  # the command is on its way from braking to the policy's
    VELOCITY = 1 << 5  # the speed limit acted
    APPROACH = 1 << 6  # the braking distance to a soft position limit acted
    WALL = 1 << 7  # outside a soft position limit: spring inward
    BOX = 1 << 8  # tip outside the workspace box: spring inward
    POWER = 1 << 9  # mechanical power limited
    SLEW = 1 << 10  # rate of change of torque limited
    EFFORT = 1 << 11  # final clamp to command_effort acted
    LEASH = 1 << 12  # target too far from the measured position
    ACCELERATION = 1 << 13  # acceleration of the set-point limited
    PERIOD = 1 << 14  # time since the last tick unusable or outside [T/2, 2T]: clipped
    FORGOT = 1 << 15  # a gap between ticks: filter memory started afresh
    ACTION_LATE = 1 << 16  # newest action older than 1.5 policy periods
    ACTION_LOST = 1 << 17  # newest action older than the damping age
    STATE_STALE = 1 << 18  # no joint state for 3 state periods
    STATE_FROZEN = 1 << 19  # joint states repeat to the bit although a torque acts
    STATE_JUMP = 1 << 20  # joint states jump further than the joints can move
    OVERSPEED = 1 << 21  # a joint is faster than its limit
    HARD_LIMIT = 1 << 22  # a joint is beyond its hard position limit
    BOX_EXCEEDED = 1 << 23  # the tip is far outside the workspace box
    OVERLOAD = 1 << 24  # too much torque for too long
    TRACKING = 1 << 25  # the robot does not follow the set-point
    OVERRUNS = 1 << 26  # too many late ticks
    EMERGENCY_STOP = 1 << 27  # the emergency stop is latched
    TILTED = 1 << 28  # the robot has tipped over


# Limits that changed a command. The slew limit is not among them: every step of the wish, the
# ordinary course of a 20 Hz policy, passes through it.
INTERVENTIONS = (
    Flag.NON_FINITE_DESIRED
    | Flag.NON_FINITE_STATE
    | Flag.NON_FINITE_OUTPUT
    | Flag.CLIPPED
    | Flag.VELOCITY
    | Flag.APPROACH
    | Flag.WALL
    | Flag.BOX
    | Flag.POWER
    | Flag.EFFORT
)
