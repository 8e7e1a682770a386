# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a character's bones that the user sees and corrects, kept on its armature object."""

from typing import Any

import bpy

from .core import bone_mapping, character_retarget, errors, root_motion
from .properties import ROOT_MOTION_ITEMS
from .stored_motion import has_motion

_SPARE_ROWS = {"spine": 5, "neck": 2}
"""Rows that chains get at least, so that bones can be added."""
PLANT_FEET = (
    "Move the hips so that feet stand on the floor as the motion's do. Legs bend for what is left by "
    f"{character_retarget.GENTLE_BEND_DEG:g} degrees at most; arms and legs keep the motion's directions within that"
)
PLACE_FEET = (
    "Put feet where the motion's are, measured in legs. Legs bend as far as it takes: on a body of other proportions "
    "they leave the motion's directions by 10 degrees and more"
)
PLACE_HANDS = (
    "Put hands where the motion's are above the floor, measured in legs. Arms bend as far as it takes and leave the "
    "motion's directions"
)


class SwingtwistBoneRow(bpy.types.PropertyGroup):
    part: bpy.props.StringProperty()
    twist: bpy.props.BoolProperty()
    bone: bpy.props.StringProperty(name="Bone", description="The bone that plays this part; empty for none")
    confidence: bpy.props.FloatProperty(min=0.0, max=1.0)


def choices() -> dict[str, Any]:
    """What a retargeting asks, as annotations of a Blender class."""
    return {
        "root_motion": bpy.props.EnumProperty(
            name="Root Motion",
            description="What the root bone carries; without one the hips carry everything",
            items=ROOT_MOTION_ITEMS,
            default=root_motion.RootMode.PLANAR_YAW.value,
        ),
        "plant_feet": bpy.props.BoolProperty(name="Plant Feet", description=PLANT_FEET, default=True),
        "place_feet": bpy.props.BoolProperty(name="Place Feet", description=PLACE_FEET),
        "place_hands": bpy.props.BoolProperty(name="Place Hands", description=PLACE_HANDS),
        "posed_reference": bpy.props.BoolProperty(
            name="From Pose", description="The pose on the screen is the T- or A-pose, not the rest pose"
        ),
        "as_strip": bpy.props.BoolProperty(name="As NLA Strip", description="Put the action into a strip of its own"),
        "reduce_keys": bpy.props.BoolProperty(
            name="Reduce Keys", description="Leave out keys that straight lines between the others give again"
        ),
        "rotation_tolerance": bpy.props.FloatProperty(
            name="Rotation Within", description="Degrees a bone may turn off", default=0.5, min=0.0, max=10.0
        ),
        "location_tolerance": bpy.props.FloatProperty(
            name="Location Within", description="Millimetres hips and root may be off", default=1.0, min=0.0, max=100.0
        ),
        "start_frame": bpy.props.IntProperty(
            name="First Frame", description="Scene frame of the first pose", default=1
        ),
    }


class RetargetChoices:
    """The choices, for Blender classes to be made from."""

    __annotations__ = choices()


class SwingtwistCharacter(RetargetChoices, bpy.types.PropertyGroup):
    kind: bpy.props.StringProperty()
    rows: bpy.props.CollectionProperty(type=SwingtwistBoneRow)
    row: bpy.props.IntProperty()
    source: bpy.props.PointerProperty(
        name="Motion",
        description="The captured armature whose motion is used",
        type=bpy.types.Object,
        poll=lambda self, thing: has_motion(thing) and thing != self.id_data,
    )
    motion: bpy.props.StringProperty(
        name="Motion File", description="A motion.npz, where no captured armature is chosen", subtype="FILE_PATH"
    )
    made_from: bpy.props.PointerProperty(type=bpy.types.Object)
    made_action: bpy.props.PointerProperty(type=bpy.types.Action)
    made_with: bpy.props.StringProperty()
    behind: bpy.props.StringProperty()


def fill_table(armature: bpy.types.Object, mapping: bone_mapping.BoneMapping) -> None:
    """Show a mapping in the armature's table, with empty rows for what is missing."""
    table = armature.swingtwist_character
    table.rows.clear()
    table.kind = mapping.kind.value
    for part in bone_mapping.PARTS:
        bones = mapping.bones.get(part, ())
        spare = max(_SPARE_ROWS.get(part, 1) - len(bones), 0)
        for bone in (*bones, *[""] * spare):
            _add_row(table, part, bone, False, mapping.confidence.get(bone, 0.0))
    for part, bones in mapping.twists.items():
        for bone in bones:
            _add_row(table, part, bone, True, mapping.confidence.get(bone, 0.0))


def mapping_of(armature: bpy.types.Object) -> bone_mapping.BoneMapping | None:
    """The mapping that the armature's table shows; None while there is no table. Raises RigError for a wrong one."""
    table = armature.swingtwist_character
    if not table.rows:
        return None
    bones: dict[str, tuple[str, ...]] = {}
    twists: dict[str, tuple[str, ...]] = {}
    for row in table.rows:
        if row.bone:
            chosen = twists if row.twist else bones
            chosen[row.part] = (*chosen.get(row.part, ()), row.bone)
    try:
        kind = bone_mapping.RigKind(table.kind)
    except ValueError:
        raise errors.RigError(
            f"the table of {armature.name} is of an unknown kind {table.kind!r}; recognise it again"
        ) from None
    return bone_mapping.BoneMapping(kind, bones, twists, {row.bone: row.confidence for row in table.rows if row.bone})


def _add_row(table: SwingtwistCharacter, part: str, bone: str, twist: bool, confidence: float) -> None:
    row = table.rows.add()
    row.part, row.bone, row.twist, row.confidence = part, bone, twist, confidence


_CLASSES = (SwingtwistBoneRow, SwingtwistCharacter)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.swingtwist_character = bpy.props.PointerProperty(type=SwingtwistCharacter)


def unregister() -> None:
    del bpy.types.Object.swingtwist_character
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
