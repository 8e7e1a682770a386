"""Writes small data sets in the layouts of the public ones: posed bodies, projected and drawn as coloured limbs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engine.body.lbs import SURFACE_VERTICES, SkinnedBody, body_from_smpl_arrays, forward, rest_vertices_and_joints
from engine.evaluation import recipe
from engine.evaluation.dataset_metrics import THREEDHP_TO_HUMAN36M
from engine.training.datasets.joint_maps import COCO_TO_SMPL, THREEDHP28_TO_SMPL
from engine.training.twist_labels import PARENTS29, twist_angles
from rig.rotations import rotmat_to_rotvec, rotvec_to_rotmat

SIZE_WH = (200, 220)
FOCAL, CENTRE = np.array([400.0, 410.0]), np.array([100.0, 108.0])
MM = 1000.0


@dataclass(frozen=True)
class People:
    """N people before one camera: metres, radians, px; joints are absolute, (N, 29, 3) and (N, 17, 3)."""

    body: SkinnedBody
    rotvecs: np.ndarray
    betas: np.ndarray
    joints: np.ndarray
    regressed: np.ndarray
    root: np.ndarray
    twist: np.ndarray
    pixels: np.ndarray
    boxes_xywh: np.ndarray

    def __len__(self) -> int:
        return len(self.rotvecs)


def small_body(seed: int = 1) -> dict[str, np.ndarray]:
    """The body of a seed with only those vertices that joints are made of, which pose alike and much faster."""
    arrays = recipe.body(seed)
    used = (arrays["J_regressor"] != 0).any(0) | (arrays["J_regressor_h36m"] != 0).any(0)
    rows = np.flatnonzero(used)
    kept = {name: arrays[name][rows] for name in ("v_template", "shapedirs", "posedirs", "weights")}
    return kept | {name: arrays[name][:, rows] for name in ("J_regressor", "J_regressor_h36m")}


def make_people(seed: int, count: int, body_seed: int = 1) -> People:
    rng = np.random.default_rng([seed, count])
    arrays = recipe.body(body_seed)
    body = body_from_smpl_arrays(arrays)
    rotvecs, betas = recipe.poses(seed, count)
    rotvecs = 0.6 * rotvecs
    upright = rotvec_to_rotmat(np.array([np.pi, 0.0, 0.0]))
    # Leaning a little: an exact half turn, as that of an upright person, is where label quaternions are not defined.
    lean = rng.uniform(0.1, 0.35, (count, 2)) * rng.choice([-1.0, 1.0], (count, 2))
    turned = rotvec_to_rotmat(np.stack([lean[:, 0], rng.uniform(-0.8, 0.8, count), lean[:, 1]], axis=1))
    rotvecs[:, 0] = rotmat_to_rotvec(upright @ turned)
    posed = forward(body, betas, rotvecs)
    rest_vertices, rest = rest_vertices_and_joints(body, betas)
    rest29 = np.concatenate([rest, rest_vertices[:, list(SURFACE_VERTICES)]], axis=1)
    rotmats = rotvec_to_rotmat(rotvecs)
    # The surface points ride on their joints without the pose blend shapes, which are small here.
    globals_ = rotmats.copy()
    for joint in range(1, 24):
        globals_[:, joint] = globals_[:, PARENTS29[joint]] @ rotmats[:, joint]
    surface = [
        posed.joints[:, PARENTS29[k]]
        + np.einsum("nij,nj->ni", globals_[:, PARENTS29[k]], rest29[:, k] - rest29[:, PARENTS29[k]])
        for k in range(24, 29)
    ]
    root = np.stack([rng.uniform(-0.1, 0.1, count), rng.uniform(-0.1, 0.1, count), rng.uniform(4.2, 5.0, count)], 1)
    joints = np.concatenate([posed.joints, np.stack(surface, 1)], axis=1) + root[:, None]
    angles = twist_angles(rotmats, rest29)
    pixels = joints[..., :2] / joints[..., 2:] * FOCAL + CENTRE
    low, high = pixels.min(1) - 6.0, pixels.max(1) + 6.0
    low, high = np.clip(low, 0, np.array(SIZE_WH) - 1.0), np.clip(high, 0, np.array(SIZE_WH) - 1.0)
    boxes = np.concatenate([low, high - low + 1.0], axis=1)
    return People(body, rotvecs, betas, joints, posed.h36m_joints, root, angles, pixels, boxes)


def draw_person(pixels: np.ndarray) -> np.ndarray:
    """A picture in which every limb has its own colour, so that the picture tells the pose."""
    picture = np.full((SIZE_WH[1], SIZE_WH[0], 3), 40, np.uint8)
    for joint in range(1, 29):
        colour = tuple(int(value) for value in (joint * np.array([67, 131, 29]) + [90, 30, 160]) % 200 + 55)
        start, end = (tuple(round(float(v) * 16) for v in pixels[k]) for k in (PARENTS29[joint], joint))
        cv2.line(picture, start, end, colour, 5, cv2.LINE_AA, 4)
        cv2.circle(picture, end, 4 * 16, colour[::-1], -1, cv2.LINE_AA, 4)
    return picture


def _write(folder: Path, name: str, people: People, image: dict, annotation: list[dict]) -> tuple[Path, Path]:
    images = folder / "images"
    content: dict[str, list[dict]] = {"images": [], "annotations": []}
    for index, entry in enumerate(annotation):
        file_name = image.get("file_name", f"{name}_{{:03d}}.png").format(index)
        path = images / str(image.get("sequence", "")) / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), draw_person(people.pixels[index])[:, :, ::-1])
        width, height = SIZE_WH
        content["images"].append({**image, "id": 100 + index, "file_name": file_name, "width": width, "height": height})
        content["annotations"].append(
            {"id": index, "image_id": 100 + index, "bbox": people.boxes_xywh[index].tolist(), **entry}
        )
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return path, images


def write_human36m(folder: Path, people: People) -> tuple[Path, Path]:
    camera = {"R": np.eye(3).tolist(), "t": [0, 0, 0], "f": FOCAL.tolist(), "c": CENTRE.tolist()}
    image = {"file_name": "s_09_act_05_subact_01_ca_01_{:06d}.png", "cam_param": camera, "subject": 9,
             "action_idx": 5, "subaction_idx": 1}  # fmt: skip
    entries = [
        {
            "smpl_joints": (MM * (people.joints[i] - people.root[i])).tolist(),
            "h36m_joints": (MM * (people.regressed[i] + 0.01)).tolist(),
            "root_cam": (MM * people.root[i]).tolist(),
            "thetas": people.rotvecs[i].tolist(),
            "betas": people.betas[i].tolist(),
            "twist_phi": np.stack([np.cos(people.twist[i]), np.sin(people.twist[i])], 1).tolist(),
            "twist_weight": np.repeat(people.twist[i, :, None] > -10, 2, 1).astype(float).tolist(),
        }
        for i in range(len(people))
    ]
    return _write(folder, "human36m", people, image, entries)


def write_3dpw(folder: Path, people: People) -> tuple[Path, Path]:
    image = {"sequence": "downtown_walk_00", "file_name": "image_{:05d}.png",
             "cam_param": {"focal": FOCAL.tolist(), "princpt": CENTRE.tolist()}}  # fmt: skip
    entries = [
        {
            "smpl_joints": people.joints[i, :24].tolist(),
            "h36m_joints": people.regressed[i].tolist(),
            "smpl_param": {"shape": people.betas[i].tolist(), "pose": people.rotvecs[i].ravel().tolist()},
            "angle_twist": people.twist[i].tolist(),
        }
        for i in range(len(people))
    ]
    return _write(folder, "3dpw", people, image, entries)


def write_3dhp_train(folder: Path, people: People) -> tuple[Path, Path]:
    joints = np.random.default_rng(5).normal(0, 0.5, (len(people), 28, 3)) + people.root[:, None]
    joints[:, list(THREEDHP28_TO_SMPL.values())] = people.joints[:, list(THREEDHP28_TO_SMPL)]
    image = {"cam_param": {"f": FOCAL.tolist(), "c": CENTRE.tolist()}}
    return _write(folder, "3dhp", people, image, [{"joint_cam": (MM * each).tolist()} for each in joints])


def write_3dhp_test(folder: Path, people: People) -> tuple[Path, Path]:
    joints = np.zeros((len(people), 17, 3))
    joints[:, THREEDHP_TO_HUMAN36M] = people.regressed + people.root[:, None]
    image = {"cam_param": {"f": FOCAL.tolist(), "c": CENTRE.tolist()}}
    return _write(folder, "3dhp_test", people, image, [{"joint_cam": (MM * each).tolist()} for each in joints])


def write_coco(folder: Path, people: People) -> tuple[Path, Path]:
    keypoints = np.zeros((len(people), 17, 3))
    keypoints[:, list(COCO_TO_SMPL.values()), :2] = people.pixels[:, list(COCO_TO_SMPL)]
    keypoints[:, list(COCO_TO_SMPL.values()), 2] = 2
    keypoints[:, COCO_TO_SMPL[20]] = 0
    entries = [{"keypoints": each.ravel().tolist(), "iscrowd": 0, "category_id": 1} for each in keypoints]
    return _write(folder, "coco", people, {}, entries)
