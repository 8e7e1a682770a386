"""Contacts of heels and toes."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sample_motions import motion_from, standing, walking, wandering

from engine.camera import Camera
from engine.contacts import detect_contacts, foot_points, intervals
from engine.errors import InputError
from rig.skeleton import CONTACT_NAMES, JOINT, Skeleton


def score(found, truth):
    """Precision and recall of contact frames."""
    found = found >= 0.5
    both = (found & (truth > 0.5)).sum()
    return both / max(found.sum(), 1), both / max(truth.sum(), 1)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30), Fraction(60000, 1001)])
def test_walking_contacts_at_any_rate(fps):
    motion, truth = walking(5.0, fps)
    precision, recall = score(detect_contacts(motion).contacts, truth)
    assert precision > 0.88
    assert recall > 0.97


def test_uneven_times():
    motion, truth = walking(5.0, Fraction(60))
    rng = np.random.default_rng(0)
    keep = np.sort(rng.choice(len(motion), len(motion) // 2, replace=False))
    thin = replace(
        motion_from(np.zeros((len(keep), 24, 3)), motion.transl[keep], times_s=motion.times_s[keep]),
        global_orient=motion.global_orient[keep],
        body_pose=motion.body_pose[keep],
    )
    precision, recall = score(detect_contacts(thin).contacts, truth[keep])
    assert precision > 0.85
    assert recall > 0.93


def test_standing_is_contact_and_jumping_is_not():
    motion = standing(90)
    assert np.all(detect_contacts(motion).contacts >= 0.5)
    lift = np.zeros((90, 3))
    lift[40:55, 1] = 0.4 * np.sin(np.linspace(0, np.pi, 15))
    contacts = detect_contacts(replace(motion, transl=lift)).contacts
    assert np.all(contacts[43:52] < 0.5)
    assert np.all(contacts[:38] >= 0.5)
    assert np.all(contacts[58:] >= 0.5)


def test_a_sliding_foot_is_no_contact():
    motion = standing(60)
    path = np.outer(np.arange(60) / 30.0, [1.2, 0, 0])
    assert np.all(detect_contacts(replace(motion, transl=path)).contacts < 0.5)


def test_short_flickers_are_dropped_and_bridged():
    motion = standing(90)
    lift = np.zeros((90, 3))
    lift[:, 1] = 0.3
    lift[:20, 1] = 0.0
    lift[50:52, 1] = 0.0
    contacts = detect_contacts(replace(motion, transl=lift)).contacts
    assert len(intervals(contacts[25:, 0] >= 0.5)) == 0


def test_unseen_feet_hold_nothing():
    motion = standing(30)
    confidence = motion.confidence.copy()
    confidence[:, JOINT["left_ankle"]] = 0.0
    contacts = detect_contacts(replace(motion, confidence=confidence)).contacts
    assert np.all(contacts[:, 0] < 0.5)
    assert np.all(contacts[:, 2] > 0.5)


def test_a_network_decides_where_height_and_speed_do_not():
    motion = standing(60)
    path = np.outer(np.arange(60) / 30.0, [0.65, 0, 0])
    slow = replace(motion, transl=path)
    learned = np.full((60, 4), 0.5)
    learned[:, :2], learned[:, 2:] = 0.95, 0.05
    contacts = detect_contacts(slow, learned=learned).contacts
    assert np.all(contacts[5:-5, :2] >= 0.5)
    assert np.all(contacts[5:-5, 2:] < 0.5)
    silent = detect_contacts(slow, learned=np.full((60, 4), np.nan)).contacts
    np.testing.assert_array_equal(silent, detect_contacts(slow).contacts)


def test_movement_along_the_line_of_sight_counts_for_less():
    motion = standing(60)
    camera = Camera.from_fov((1280, 720))
    for direction, stands in (([0.0, 0.0, 0.8], True), ([0.8, 0.0, 0.0], False)):
        path = np.outer(np.arange(60) / 30.0 - 1.0, direction) + np.array([0.0, 0.0, -8.0])
        contacts = detect_contacts(replace(motion, transl=path), camera=camera).contacts[5:-5] >= 0.5
        assert np.all(contacts == stands)


def test_feet_that_are_seen_badly_may_seem_to_float():
    motion = standing(60)
    up = (np.arange(60) >= 24) & (np.arange(60) < 36)
    raised = replace(motion, transl=np.array([0.0, 0.1, 0.0]) * up[:, None])
    sure = detect_contacts(raised).contacts[27:33] >= 0.5
    unsure = replace(raised, confidence=np.full((60, 24), 0.5))
    assert not sure.any()
    assert np.all(detect_contacts(unsure).contacts[27:33] >= 0.5)


def test_a_skeleton_without_feet_is_refused():
    motion = standing(5)
    bare = Skeleton(motion.skeleton.joint_names, motion.skeleton.parents, motion.skeleton.rest_joints)
    with pytest.raises(InputError, match="left_heel"):
        detect_contacts(replace(motion, skeleton=bare))


def test_foot_points_are_those_of_the_whole_body():
    motion = wandering(40)
    names = motion.skeleton.landmark_names
    whole = motion.joints_and_landmarks()[1][:, [names.index(name) for name in CONTACT_NAMES]]
    np.testing.assert_allclose(foot_points(motion), whole, atol=1e-12)
