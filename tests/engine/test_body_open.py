"""The open body: T-pose, symmetry, shape space, skin and dress of the mannequin that ships with the program."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engine.body.open_body import OPEN_BODY_FILE, load_open_body
from rig.skeleton import JOINT, LANDMARK_NAMES, SMPL_JOINT_NAMES, mirrored_names

MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body():
    return load_open_body()


def test_it_loads_without_heavy_packages():
    program = (
        "import sys; from engine.body.open_body import load_open_body; load_open_body();"
        "print({'torch', 'scipy', 'anny', 'cv2'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
    assert OPEN_BODY_FILE.stat().st_size < 6_000_000
    assert "CC0" in OPEN_BODY_FILE.with_name("NOTICE.txt").read_text(encoding="utf-8")


def test_t_pose(body):
    joints = body.skeleton(np.zeros(10)).rest_joints
    for side, sign in (("left", 1.0), ("right", -1.0)):
        arm = joints[[JOINT[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hand")]]
        leg = joints[[JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle")]]
        np.testing.assert_allclose(np.ptp(arm[:, 1:], axis=0), 0.0, atol=1e-3)
        assert (sign * np.diff(arm[:, 0]) > 0.08).all()
        np.testing.assert_allclose(np.ptp(leg[:, [0, 2]], axis=0), 0.0, atol=1e-3)
        assert (np.diff(leg[:, 1]) < -0.3).all()
        foot = joints[JOINT[f"{side}_foot"]] - joints[JOINT[f"{side}_ankle"]]
        assert foot[2] > 0.1
        assert abs(foot[0]) < 2e-3
    heights = joints[[JOINT[name] for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")], 1]
    assert (np.diff(heights) > 0.04).all()


def test_soles_stand_on_the_floor_for_every_shape(body):
    random = np.random.default_rng(0)
    for betas in random.standard_normal((8, 10)):
        assert abs(body.shaped(betas)[:, 1].min()) < 6e-3


def test_left_mirrors_right(body):
    joints = np.stack([body.skeleton(betas).rest_joints for betas in np.eye(10)])
    swapped = joints[:, list(mirrored_names(SMPL_JOINT_NAMES))] * MIRROR
    np.testing.assert_allclose(joints, swapped, atol=2e-3)
    points = body.skeleton(np.zeros(10)).rest_landmarks
    np.testing.assert_allclose(points, points[list(mirrored_names(LANDMARK_NAMES))] * MIRROR, atol=2e-3)


def test_first_shape_is_stature_and_the_others_are_not(body):
    def stature(betas):
        return np.ptp(body.shaped(np.asarray(betas, dtype=float))[:, 1])

    gains = np.array([stature(row) for row in np.eye(10)]) - stature(np.zeros(10))
    assert 1.6 < stature(np.zeros(10)) < 1.8
    assert 0.07 < gains[0] < 0.14
    assert (np.abs(gains[1:]) < 0.02).all()


def test_joints_lie_inside_the_body(body):
    joints = body.skeleton(np.zeros(10)).rest_joints
    for name, joint in zip(SMPL_JOINT_NAMES, joints, strict=True):
        near = body.template[np.linalg.norm(body.template - joint, axis=1) < 0.20] - joint
        assert (near.min(axis=0) < 0.004).all(), name
        assert (near.max(axis=0) > -0.004).all(), name


def test_weights_are_few_and_follow_the_limbs(body):
    assert ((body.skin_weights > 0).sum(axis=1) <= 4).all()
    np.testing.assert_allclose(body.skin_weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(body.joint_regressor.sum(axis=1), 1.0, atol=1e-6)
    joints = body.skeleton(np.zeros(10)).rest_joints
    for name in ("left_elbow", "right_knee", "left_hand", "right_foot", "head", "spine3"):
        owned = body.template[body.skin_weights[:, JOINT[name]] > 0.6]
        assert len(owned) > 20, name
        assert np.linalg.norm(owned.mean(axis=0) - joints[JOINT[name]]) < 0.25, name


def test_landmarks_lie_where_their_names_say(body):
    points = dict(zip(LANDMARK_NAMES, body.skeleton(np.zeros(10)).rest_landmarks, strict=True))
    joints = body.skeleton(np.zeros(10)).rest_joints
    assert points["nose"][2] > joints[JOINT["head"]][2] + 0.08
    for side in ("left", "right"):
        assert points[f"{side}_heel"][2] < joints[JOINT[f"{side}_ankle"]][2] - 0.02
        assert points[f"{side}_big_toe"][2] > joints[JOINT[f"{side}_foot"]][2] + 0.03
        assert points[f"{side}_heel"][1] < 0.05
        assert points[f"{side}_big_toe"][1] < 0.04


def test_it_is_dressed(body):
    mesh = body.mesh(np.zeros(10))
    used = {mesh.material_names[index] for index in np.unique(mesh.face_materials)}
    assert {"skin", "hair", "shirt", "trousers", "shoes"} <= used
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    named = np.array(mesh.material_names)[mesh.face_materials]
    assert (centres[named == "shoes"][:, 1] < 0.12).all()
    trunk = (np.abs(centres[:, 0]) < 0.15) & (centres[:, 1] > 0.2) & (centres[:, 1] < 1.3)
    assert set(named[trunk]) <= {"shirt", "trousers"}


def test_faces_look_outward(body):
    quads = body.template[body.faces]
    normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    volume = np.einsum("fc,fc->", quads.mean(axis=1), normals) / 6.0
    assert 0.04 < volume < 0.12


def test_callers_cannot_change_the_shared_arrays(body):
    with pytest.raises(ValueError, match="read-only"):
        body.template[0, 0] = 1.0
