# SPDX-License-Identifier: Apache-2.0
"""Off-screen pictures of a MuJoCo scene, with or without a display.

The backend is MUJOCO_GL (egl, osmesa or glfw). If that is not set it is EGL, or OSMesa where there
is no EGL. On Debian and Ubuntu EGL needs the packages libegl1, libegl-mesa0 and libgl1-mesa-dri;
OSMesa needs libosmesa6.
"""

from __future__ import annotations

from collections.abc import Sequence
import ctypes
import os
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

SHOWN = (0, 1)  # geom groups: the skin, not the collision hull
SCENE_ONLY = (0,)  # of a scene that keeps what is only for people in group 1


class RenderingUnavailableError(RuntimeError):
    """No off-screen OpenGL on this machine; the message says what to install."""


class OffscreenRenderer:
    """Draws one model into images of a fixed size. Slow features (shadows) are off."""

    def __init__(
        self, model: mujoco.MjModel, width: int, height: int, groups: Sequence[int] = SHOWN
    ) -> None:
        """Open a context that shows these geom groups.

        Raises RenderingUnavailableError, or ValueError for a bad size.
        """
        most = model.vis.global_
        if not (0 < width <= most.offwidth and 0 < height <= most.offheight):
            raise ValueError(
                f'image size {width} x {height} must be within {most.offwidth} x {most.offheight}'
            )
        self.size = (width, height)
        self._model = model
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._scene = mujoco.MjvScene(model, maxgeom=200)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[list(groups)] = 1
        try:
            self._gl: Any = _context_type()(width, height)
            self._gl.make_current()
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:  # each backend raises its own kinds, AttributeError included
            raise RenderingUnavailableError(
                'no off-screen OpenGL here: on Debian or Ubuntu install libegl1 libegl-mesa0 '
                'libgl1-mesa-dri, or libosmesa6, or set MUJOCO_GL to egl, osmesa or glfw '
                f'({error!r})'
            ) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)

    def render(self, data: mujoco.MjData, camera: str) -> NDArray[np.uint8]:
        """Return an image (height, width, 3) of data, whose body positions must be current."""
        width, height = self.size
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = self._model.camera(camera).id
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, view, everything, self._scene
        )
        image = np.empty((height, width, 3), dtype=np.uint8)
        self._gl.make_current()
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(image, None, self._viewport, self._context)
        return np.flipud(image).copy()

    def close(self) -> None:
        """Free the OpenGL context."""
        self._gl.make_current()
        self._context.free()
        self._gl.free()


def _context_type() -> Any:
    backend = os.environ.get('MUJOCO_GL', '').lower() or ('egl' if _has_egl() else 'osmesa')
    if backend == 'osmesa':
        from mujoco.osmesa import GLContext
    elif backend == 'glfw':
        from mujoco.glfw import GLContext
    else:
        from mujoco.egl import GLContext
    return GLContext


def _has_egl() -> bool:
    """Whether there is EGL with a driver.

    Asked without PyOpenGL, which cannot change to OSMesa once it has tried EGL.
    """
    try:
        egl = ctypes.CDLL('libEGL.so.1')
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(b'eglQueryDevicesEXT')
    if not address:
        return False
    devices = ctypes.c_int32(0)
    query = ctypes.CFUNCTYPE(
        ctypes.c_uint, ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32)
    )(address)
    return bool(query(0, None, ctypes.byref(devices))) and devices.value > 0
