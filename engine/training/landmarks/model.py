"""The landmark transformer: templates of joints, twists and shape decoded from a person's landmarks over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.lifting.landmark_features import FRAME_FEATURES, LANDMARK_FEATURES
from engine.poses import BLAZEPOSE, BLAZEPOSE_NAMES
from rig.skeleton import SMPL_JOINT_NAMES

from .windows import LEAVES

JOINTS, TWISTS, BETAS, LANDMARKS = len(SMPL_JOINT_NAMES), len(SMPL_JOINT_NAMES) - 1, 10, len(BLAZEPOSE_NAMES)
_TYPICAL_EXTENT_M = 0.45
_DEPTH_UNIT_M = 0.3
_PLANE_UNIT = 0.3
_LOG_SIGMA = -3.5


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the network.

    frame_width, frame_blocks    of the blocks over time, one token a frame
    token_width, token_blocks    of the blocks over landmarks and templates, in every frame
    heads                        of each attention
    expansion                    of the feed-forward parts
    slowest_s, fastest_s         longest and shortest period of the rotary encoding of time, s
    """

    frame_width: int = 384
    frame_blocks: int = 4
    token_width: int = 64
    token_blocks: int = 2
    heads: int = 4
    expansion: int = 2
    slowest_s: float = 8.0
    fastest_s: float = 0.1


@dataclass(frozen=True)
class Lifted:
    """Outputs of N windows of T frames, in the axes of each frame's view (see `landmark_features.View`).

    plane       (N, T, 24, 2) where each joint is seen, in spreads
    depth       (N, T, 24) of each joint behind the pelvis, m
    log_extent  (N, T) log of the pelvis' depth times the spread, m
    joints      (N, T, 24, 3) relative to the pelvis, m: what plane, depth and extent say together
    """

    plane: Tensor
    depth: Tensor
    log_extent: Tensor
    joints: Tensor


@dataclass(frozen=True)
class Output:
    """coarse: joints read off the frame tokens alone; the others as decoded from the templates, of the frames asked.

    log_sigma   (N, T, 24) log of the scale of each joint's distance r from the truth, m, of density exp(-r / scale)
    twist       (N, T, 23, 2) cos and sin, of any length
    betas       (N, T, 10)
    leaves      (N, T, 5, 6) first two columns of the leaves' rotations in the view's axes, not yet orthonormal
    gravity     (N, T, 3) in the view's axes, of any length
    velocity    (N, T, 3) of the pelvis in the heading frame, m/s
    contacts    (N, T, 4) logits
    """

    coarse: Lifted
    fine: Lifted
    log_sigma: Tensor
    twist: Tensor
    betas: Tensor
    leaves: Tensor
    gravity: Tensor
    velocity: Tensor
    contacts: Tensor


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017); rotary encoding (Su et al. 2021) where angles are given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self, targets: Tensor, sources: Tensor, mask: Tensor | None = None, angles: Tensor | None = None
    ) -> Tensor:
        """targets (N, A, W), sources (N, B, W), mask (N, A, B) added to the logits, angles (N, B, W/heads/2)."""
        count, length, width = targets.shape
        split = (count, -1, self.heads, width // self.heads)
        query = self.query(targets).reshape(split).transpose(1, 2)
        key, value = self.key_value(sources).chunk(2, dim=-1)
        key, value = key.reshape(split).transpose(1, 2), value.reshape(split).transpose(1, 2)
        if angles is not None:
            cosine, sine = angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)
            query, key = _turn(query, cosine, sine), _turn(key, cosine, sine)
        logits = query @ key.transpose(-1, -2) / math.sqrt(split[-1])
        if mask is not None:
            logits = logits + mask.unsqueeze(1)
        mixed = logits.softmax(-1).to(value.dtype) @ value
        return self.out(mixed.transpose(1, 2).reshape(count, length, width))


def _turn(values: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = values.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class FeedForward(nn.Sequential):
    """Two layers with a ReLU between."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__(nn.Linear(width, expansion * width), nn.ReLU(), nn.Linear(expansion * width, width))


class TimeBlock(nn.Module):
    """Attention over the frames of a window, then feed-forward; normalised before each."""

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.before_attention, self.before_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.forward_part = Attention(width, heads), FeedForward(width, expansion)

    def forward(self, frames: Tensor, mask: Tensor, angles: Tensor) -> Tensor:
        """frames (N, T, W), mask (N, T, T), angles (N, T, W/heads/2)."""
        normal = self.before_attention(frames)
        frames = frames + self.attention(normal, normal, mask, angles)
        return frames + self.forward_part(self.before_forward(frames))


class TemplateBlock(nn.Module):
    """One block of HybrIK-Transformer (Oreshkin 2023, section 1): sources attend to themselves, templates to themselves

    and then to the sources, each with a feed-forward part; normalised before each part, where the paper does it after.
    """

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.source_norm, self.source_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.target_norm, self.cross_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.memory_norm, self.target_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.source_attention, self.target_attention = Attention(width, heads), Attention(width, heads)
        self.cross_attention = Attention(width, heads)
        self.source_forward, self.target_forward = FeedForward(width, expansion), FeedForward(width, expansion)

    def forward(self, sources: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """sources (N, 34, W), targets (N, 48, W)."""
        normal = self.source_norm(sources)
        sources = sources + self.source_attention(normal, normal)
        sources = sources + self.source_forward(self.source_forward_norm(sources))
        normal = self.target_norm(targets)
        targets = targets + self.target_attention(normal, normal)
        targets = targets + self.cross_attention(self.cross_norm(targets), self.memory_norm(sources))
        return sources, targets + self.target_forward(self.target_forward_norm(targets))


class LandmarkTransformer(nn.Module):
    """Frame tokens attend over time; then, in each frame, templates read the landmarks in the light of its token.

    The frame token alone already gives coarse joints (a Lifted); the templates of joints refine them and those of
    twists and shape give theirs, so that the costly part need only be trained on some frames of each window.
    """

    rates: Tensor

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        config = config or ModelConfig()
        self.config = config
        wide, narrow = config.frame_width, config.token_width
        self.frame_in = nn.Linear(LANDMARKS * LANDMARK_FEATURES + FRAME_FEATURES, wide)
        self.frame_first = FeedForward(wide, config.expansion)
        self.frame_blocks = nn.ModuleList(
            TimeBlock(wide, config.heads, config.expansion) for _ in range(config.frame_blocks)
        )
        self.frame_norm = nn.LayerNorm(wide)
        self.anatomy = nn.Parameter(_anatomy())
        self.frame_out = nn.Linear(wide, JOINTS * 3 + 1)
        self.side_out = nn.Linear(wide, 3 + 3 + 4)
        self.landmark_in = nn.Linear(LANDMARK_FEATURES, narrow)
        self.landmark_names = nn.Parameter(0.5 * torch.randn(LANDMARKS, narrow))
        self.frame_to_token = nn.Linear(wide, 2 * narrow)
        self.joint_in = nn.Linear(3, narrow)
        self.templates = nn.Parameter(0.5 * torch.randn(JOINTS + TWISTS + 1, narrow))
        self.token_blocks = nn.ModuleList(
            TemplateBlock(narrow, config.heads, config.expansion) for _ in range(config.token_blocks)
        )
        self.token_norm = nn.LayerNorm(narrow)
        self.joint_out = nn.Linear(narrow, 4)
        self.leaf_out = nn.Linear(narrow, 6)
        self.twist_out = nn.Linear(narrow, 2)
        self.betas_out = nn.Linear(narrow, BETAS)
        periods = torch.linspace(
            math.log(config.fastest_s), math.log(config.slowest_s), config.frame_width // config.heads // 2
        ).exp()
        self.register_buffer("rates", 2.0 * math.pi / periods, persistent=False)
        for layer in (self.frame_out, self.joint_out):
            nn.init.normal_(layer.weight, std=1e-3)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        landmarks: Tensor,
        frame: Tensor,
        times_s: Tensor,
        mask: Tensor,
        spread: Tensor,
        pick: Tensor | None = None,
    ) -> Output:
        """landmarks (N, T, 33, 7), frame (N, T, 6), times_s (N, T), mask (N, T, T), spread (N, T).

        pick (N, K): which frames of each window the templates are decoded for; all by default.
        """
        tokens = self.frames(landmarks, frame, times_s, mask)
        coarse_out = self.frame_out(tokens).float()
        coarse = self._lifted(landmarks, spread, coarse_out[..., :-1], coarse_out[..., -1])
        side = self.side_out(tokens).float()
        if pick is not None:
            tokens, landmarks, side, coarse_out = (
                torch.take_along_dim(x, pick.reshape(*pick.shape, *([1] * (x.ndim - 2))), 1)
                for x in (tokens, landmarks, side, coarse_out)
            )
            spread = torch.take_along_dim(spread, pick, 1)
        joints, twist, betas, leaves = self._decode(tokens, landmarks, coarse_out[..., :-1])
        fine = self._lifted(landmarks, spread, coarse_out[..., :-1] + joints[..., :3].flatten(2), coarse_out[..., -1])
        return Output(
            coarse=coarse,
            fine=fine,
            log_sigma=joints[..., 3] + _LOG_SIGMA,
            twist=twist,
            betas=betas,
            leaves=leaves,
            gravity=side[..., :3],
            velocity=side[..., 3:6],
            contacts=side[..., 6:],
        )

    def frames(self, landmarks: Tensor, frame: Tensor, times_s: Tensor, mask: Tensor) -> Tensor:
        """(N, T, frame_width) tokens of the frames after attention over time."""
        tokens = self.frame_in(torch.cat([landmarks.flatten(2), frame], dim=-1))
        tokens = tokens + self.frame_first(tokens)
        angles = times_s.unsqueeze(-1) * self.rates
        for block in self.frame_blocks:
            tokens = block(tokens, mask, angles)
        return self.frame_norm(tokens)

    def _decode(self, tokens: Tensor, landmarks: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        count, length = tokens.shape[:2]
        context = self.frame_to_token(tokens).reshape(count * length, 1, -1)
        own, shared = context.chunk(2, dim=-1)
        sources = self.landmark_in(landmarks.flatten(0, 1)) + self.landmark_names + shared
        sources = torch.cat([sources, own], dim=1)
        joints = self.joint_in(coarse.reshape(count * length, JOINTS, 3)) + self.templates[:JOINTS] + shared
        others = self.templates[JOINTS:] + shared
        targets = torch.cat([joints, others], dim=1)
        for block in self.token_blocks:
            sources, targets = block(sources, targets)
        targets = self.token_norm(targets).reshape(count, length, -1, self.config.token_width)
        return (
            self.joint_out(targets[:, :, :JOINTS]).float(),
            self.twist_out(targets[:, :, JOINTS : JOINTS + TWISTS]).float(),
            self.betas_out(targets[:, :, -1]).float(),
            self.leaf_out(targets[:, :, list(LEAVES)]).float(),
        )

    def _lifted(self, landmarks: Tensor, spread: Tensor, raw: Tensor, log_extent: Tensor) -> Lifted:
        """Joints from what the network adds to where the landmarks are seen: exact perspective for any lens."""
        raw = raw.unflatten(-1, (JOINTS, 3))
        plane = self.anatomy @ landmarks[..., :2] + _PLANE_UNIT * raw[..., :2]
        depth = _DEPTH_UNIT_M * (raw[..., 2] - raw[..., :1, 2])
        log_extent = log_extent + math.log(_TYPICAL_EXTENT_M)
        reach = log_extent.exp().unsqueeze(-1) + spread.unsqueeze(-1) * depth
        points = torch.cat([plane * reach.unsqueeze(-1), depth.unsqueeze(-1)], dim=-1)
        return Lifted(plane=plane, depth=depth, log_extent=log_extent, joints=points - points[..., :1, :])


def _anatomy() -> Tensor:
    """(24, 33) weights of the landmarks in where each joint is about seen."""
    hips, shoulders = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")
    weights = torch.zeros(JOINTS, LANDMARKS)

    def put(joint: str, shares: dict[str, float]) -> None:
        for landmark, share in shares.items():
            weights[SMPL_JOINT_NAMES.index(joint), BLAZEPOSE[landmark]] += share

    for joint, height in (("pelvis", 0.05), ("spine1", 0.25), ("spine2", 0.45), ("spine3", 0.55), ("neck", 1.05)):
        put(joint, {name: 0.5 * (1.0 - height) for name in hips})
        put(joint, {name: 0.5 * height for name in shoulders})
    put("head", {"left_ear": 0.5, "right_ear": 0.5})
    for side in ("left", "right"):
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            put(f"{side}_{part}", {f"{side}_{part}": 1.0})
        put(f"{side}_collar", {f"{side}_shoulder": 0.6, **{name: 0.2 for name in shoulders}})
        put(f"{side}_hand", {f"{side}_index": 0.5, f"{side}_pinky": 0.5})
        put(f"{side}_foot", {f"{side}_foot_index": 1.0})
    return weights


def rotation_from_columns(columns: Tensor) -> Tensor:
    """(..., 6) two columns to (..., 3, 3) rotations by Gram-Schmidt (Zhou et al., CVPR 2019)."""
    first, second = columns.chunk(2, dim=-1)
    first = functional.normalize(first, dim=-1)
    second = functional.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)
