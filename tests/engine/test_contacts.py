"""Contacts of heels and toes."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sample_motions import motion_from, standing, walking

from engine.contacts import detect_contacts, intervals
from engine.errors import InputError
from rig.skeleton import JOINT, Skeleton


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


def test_a_skeleton_without_feet_is_refused():
    motion = standing(5)
    bare = Skeleton(motion.skeleton.joint_names, motion.skeleton.parents, motion.skeleton.rest_joints)
    with pytest.raises(InputError, match="left_heel"):
        detect_contacts(replace(motion, skeleton=bare))
