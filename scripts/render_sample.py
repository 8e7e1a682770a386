"""Render the sample clip: the open body walks up, kicks and turns in a lit room; its exact joints are stored beside it.

    python scripts/render_sample.py path/to/cmu_train_30fps.npz [--out samples/walk_and_kick]

Needs the `blender` extra (bpy). The motion is read from an npz of CMU clips that is not part of the repository.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.body.model import BodyModel
from engine.body.open_body import load_open_body
from engine.training.landmarks.motion_clips import read_clip
from engine.training.landmarks.retarget_clip import retarget_clip
from rig.frames import WORLD_TO_ARMATURE, rigid_transform, rotate, transform
from rig.kinematics import joint_positions, landmark_positions
from rig.rotations import rotmat_to_rotvec
from rig.skeleton import Skeleton

CLIP, CLIP_SKELETON = "cmu_10_02", "daz"
FRAMES = 150
FPS = Fraction(30)
WIDTH, HEIGHT = 1280, 720
FOCAL_PX = 1050.0
CAMERA_DISTANCE_M = 3.8
CAMERA_HEIGHT_M = 1.55
CAMERA_AZIMUTH = np.radians(325.0)  # about the world's y axis, from +z towards +x
BETAS = (0.35, -0.5, 0.6, 0.3, -0.3, 0.0, 0.4, 0.0, 0.0, 0.0)
CREDIT = (
    "Motion: CMU subject 10, trial 2. The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)


def skinned(body: BodyModel, betas: np.ndarray, skeleton: Skeleton, globals_: np.ndarray, transl: np.ndarray):
    """(T, V, 3) vertices by linear blend skinning, one frame at a time, m, world."""
    rest = body.shaped(betas)
    joints = joint_positions(skeleton, globals_, transl)
    for rotmats, places in zip(globals_, joints, strict=True):
        moves = places - rotate(rotmats, skeleton.rest_joints)
        matrices = np.einsum("vj,jab->vab", body.skin_weights, rotmats)
        yield rotate(matrices, rest) + body.skin_weights @ moves


def place_camera(centre: np.ndarray) -> np.ndarray:
    """(4, 4) world to OpenCV camera, looking from the chosen side a little down at the middle (3,) of the path."""
    away = np.array([np.sin(CAMERA_AZIMUTH), 0.0, np.cos(CAMERA_AZIMUTH)])
    position = np.array([centre[0], 0.0, centre[2]]) + CAMERA_DISTANCE_M * away + [0.0, CAMERA_HEIGHT_M, 0.0]
    forward = np.array([centre[0], 0.82, centre[2]]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return rigid_transform(rotation, -rotation @ position)


def write_video(path: Path, pictures: list[Path]) -> None:
    """Encode PNG pictures as H.264, every frame at its exact time."""
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "21", "preset": "slow", "bf": "0"}
        container.metadata["comment"] = CREDIT
        for number, picture in enumerate(pictures):
            with av.open(str(picture)) as still:
                frame = next(still.decode(video=0)).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, 1 / FPS
            frame.pict_type = av.video.frame.PictureType.NONE  # a PNG says it is a key frame
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motion", type=Path, help="npz of CMU clips")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "samples" / "walk_and_kick")
    parser.add_argument("--stills", type=Path, help="render every 30th frame into this folder only")
    options = parser.parse_args()

    body = load_open_body()
    betas = np.array(BETAS)
    skeleton = body.skeleton(betas)
    globals_, locals_, transl = retarget_clip(read_clip(options.motion, CLIP, CLIP_SKELETON), skeleton)
    globals_, rotvecs, transl = globals_[:FRAMES], rotmat_to_rotvec(locals_[:FRAMES]), transl[:FRAMES]
    lowest = [vertices[:, 1].min() for vertices in skinned(body, betas, skeleton, globals_, transl)]
    transl[:, 1] -= np.percentile(lowest, 20)
    world_to_camera = place_camera(0.5 * (transl.min(axis=0) + transl.max(axis=0)))

    joints = joint_positions(skeleton, globals_, transl)
    points = np.concatenate([joints, landmark_positions(skeleton, globals_, joints)], axis=1)
    frames = len(transl)
    intrinsics = np.array([[FOCAL_PX, 0.0, WIDTH / 2], [0.0, FOCAL_PX, HEIGHT / 2], [0.0, 0.0, 1.0]])
    truth = {
        "joint_names": np.array(skeleton.joint_names + skeleton.landmark_names),
        "joints_camera_m": transform(world_to_camera, points),
        "times_s": np.arange(frames) / float(FPS),
        "intrinsics": intrinsics,
        "image_size": np.array([WIDTH, HEIGHT]),
        "fps": np.array([FPS.numerator, FPS.denominator]),
        "betas": betas,
        "parents": np.array(skeleton.parents),
        "rest_joints": skeleton.rest_joints,
        "global_orient": rotvecs[:, 0],
        "body_pose": rotvecs[:, 1:],
        "transl": transl,
        "world_to_camera": np.broadcast_to(world_to_camera, (frames, 4, 4)),
        "credit": np.array(CREDIT),
    }

    from sample_room import Room

    chosen = range(0, frames, 30) if options.stills else range(frames)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.stills or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        room = Room(body, betas, world_to_camera, transl.mean(axis=0), FOCAL_PX, (WIDTH, HEIGHT))
        pictures = []
        for number, vertices in enumerate(skinned(body, betas, skeleton, globals_, transl)):
            if number in chosen:
                pictures.append(folder / f"{number:04d}.png")
                room.render(rotate(WORLD_TO_ARMATURE, vertices), pictures[-1])
        if not options.stills:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_video(options.out.with_suffix(".mp4"), pictures)
            np.savez_compressed(options.out.with_name(options.out.name + "_truth.npz"), **truth)
        else:
            np.savez_compressed(folder / "truth.npz", **truth)
    sys.stdout.flush()
    os._exit(0)  # Blender's own shutdown is not needed and does not always end


if __name__ == "__main__":
    main()
