"""The slow, obvious inverse kinematics in torch: one loop over the 24 joints, straight from the formulas."""

from __future__ import annotations

import torch

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
TIPS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, -1, -1, 15, 16, 17, -1, 18, 19, 20, 21, 22, 23, -1, -1)
TIPS_29 = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 27, 28, 15, 16, 17, 24, 18, 19, 20, 21, 22, 23, 25, 26)


def rodrigues(axis: torch.Tensor, sine: torch.Tensor, cosine: torch.Tensor) -> torch.Tensor:
    """(N, 3) unit axes, (N, 1) sines and cosines to (N, 3, 3)."""
    x, y, z = axis[:, 0], axis[:, 1], axis[:, 2]
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    eye = torch.eye(3, dtype=axis.dtype, device=axis.device)
    return eye + sine[:, :, None] * skew + (1 - cosine[:, :, None]) * (skew @ skew)


def swing(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The smallest rotation (N, 3, 3) from the direction of a (N, 3) to that of b (N, 3)."""
    axis = torch.linalg.cross(a, b)
    length = torch.linalg.norm(axis, dim=1, keepdim=True)
    both = torch.linalg.norm(a, dim=1, keepdim=True) * torch.linalg.norm(b, dim=1, keepdim=True) + 1e-8
    cosine = torch.sum(a * b, dim=1, keepdim=True) / both
    return rodrigues(axis / (length + 1e-8), length / both, cosine)


def twist_about(bone: torch.Tensor, twist: torch.Tensor) -> torch.Tensor:
    """Rotation about the bone (N, 3) by the angle with (cos, sin) = twist (N, 2)."""
    axis = bone / torch.linalg.norm(bone, dim=1, keepdim=True)
    return rodrigues(axis, twist[:, 1:], twist[:, :1])


def procrustes(rest: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(N, K, 3) twice to the rotations (N, 3, 3) that bring rest closest to target."""
    u, _, vh = torch.linalg.svd(rest.transpose(1, 2) @ target)
    v, ut = vh.transpose(1, 2), u.transpose(1, 2)
    flip = torch.ones_like(rest[:, 0])
    flip[:, 2] = torch.linalg.det(v @ ut)
    return v @ (flip[:, :, None] * ut)


def solve(
    rest: torch.Tensor,
    target: torch.Tensor,
    twist: torch.Tensor,
    *,
    adaptive: bool = True,
    collars: bool = False,
) -> torch.Tensor:
    """(N, K, 3) rest joints and targets, (N, 23, 2) twists to local rotations (N, 24, 3, 3); K is 24 or 29."""
    frames, count = target.shape[:2]
    tips = TIPS if count == 24 else TIPS_29
    twist = twist / (torch.linalg.norm(twist, dim=2, keepdim=True) + 1e-8)
    target = target - target[:, :1] + rest[:, :1]
    eye = torch.eye(3, dtype=target.dtype, device=target.device).expand(frames, 3, 3)
    children = [1, 2, 3]
    local = [procrustes(rest[:, children] - rest[:, :1], target[:, children] - target[:, :1])]
    rotmats, positions = [local[0]], [rest[:, 0]]
    for joint in range(1, 24):
        parent, tip = PARENTS[joint], tips[joint]
        offset = rest[:, joint] - rest[:, parent]
        positions.append(positions[parent] + (rotmats[parent] @ offset[:, :, None])[:, :, 0])
        if tip < 0:
            local.append(eye)
        elif collars and joint == 9:
            children = [12, 13, 14]
            origin = positions[9] if adaptive else target[:, 9]
            rotmat = procrustes(rest[:, children] - rest[:, 9:10], target[:, children] - origin[:, None])
            local.append(rotmats[parent].transpose(1, 2) @ rotmat)
        else:
            bone = rest[:, tip] - rest[:, joint]
            aim = target[:, tip] - (positions[joint] if adaptive else target[:, joint])
            aim = (rotmats[parent].transpose(1, 2) @ aim[:, :, None])[:, :, 0]
            local.append(swing(bone, aim) @ twist_about(bone, twist[:, joint - 1]))
        rotmats.append(rotmats[parent] @ local[joint])
    return torch.stack(local, dim=1)
