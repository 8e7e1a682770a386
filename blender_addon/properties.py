# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel asks the user, with the state of a running capture; kept on the window manager, away from undo."""

import bpy

from .core import bone_maps, root_motion

ROOT_MOTION_ITEMS = [
    (root_motion.RootMode.OFF.value, "In Place", "The character stays on the spot"),
    (root_motion.RootMode.PLANAR.value, "Path", "The root bone follows the path over the floor"),
    (root_motion.RootMode.PLANAR_YAW.value, "Path and Heading", "The root bone follows path and heading"),
    (root_motion.RootMode.FULL.value, "Full", "The root bone carries heights too"),
]
BONE_NAME_ITEMS = [
    (bone_maps.BoneNaming.SMPL.value, "SMPL", "Pelvis, L_Hip, Spine1, ..."),
    (bone_maps.BoneNaming.MIXAMO.value, "Mixamo", "mixamorig:Hips, mixamorig:LeftUpLeg, ..."),
    (bone_maps.BoneNaming.UNREAL.value, "Unreal", "pelvis, thigh_l, spine_02, ..."),
]


class SwingtwistSettings(bpy.types.PropertyGroup):
    video: bpy.props.StringProperty(name="Video", description="The video to capture", subtype="FILE_PATH")
    people: bpy.props.EnumProperty(
        name="People",
        description="Whom to capture",
        items=[
            ("LARGEST", "Largest Person", "The person who fills most of the picture"),
            ("ID", "One by Number", "The person with a number of an earlier capture"),
            ("ALL", "Everybody", "All people, in one world"),
        ],
    )
    person_id: bpy.props.IntProperty(name="Number", description="Number of the person", default=1, min=0)
    smoothing: bpy.props.EnumProperty(
        name="Smoothing",
        description="How much jitter is removed; can be changed later without detecting again",
        items=[
            ("off", "Off", "The raw capture"),
            ("light", "Light", "Keeps the fastest movement"),
            ("default", "Default", "For most clips"),
            ("heavy", "Heavy", "For slow movement or a shaky picture"),
        ],
        default="default",
    )
    foot_lock: bpy.props.EnumProperty(
        name="Foot Lock",
        description="Pin feet to the floor while they stand",
        items=[
            ("auto", "Auto", "Where the feet touch the floor"),
            ("always", "Always", "Throughout"),
            ("off", "Off", "Never"),
        ],
    )
    root_motion: bpy.props.EnumProperty(
        name="Root Motion", description="What the root bone carries", items=ROOT_MOTION_ITEMS, default="planar+yaw"
    )
    bone_names: bpy.props.EnumProperty(name="Bone Names", description="Names of the bones", items=BONE_NAME_ITEMS)
    start_frame: bpy.props.IntProperty(name="First Frame", description="Scene frame of the first pose", default=1)

    running: bpy.props.BoolProperty()
    stopping: bpy.props.BoolProperty()
    progress: bpy.props.FloatProperty(name="Progress", subtype="FACTOR", min=0.0, max=1.0)
    message: bpy.props.StringProperty()


def settings_of(context: bpy.types.Context) -> SwingtwistSettings:
    """The panel's settings."""
    return context.window_manager.swingtwist


def register() -> None:
    bpy.utils.register_class(SwingtwistSettings)
    bpy.types.WindowManager.swingtwist = bpy.props.PointerProperty(type=SwingtwistSettings)


def unregister() -> None:
    del bpy.types.WindowManager.swingtwist
    bpy.utils.unregister_class(SwingtwistSettings)
