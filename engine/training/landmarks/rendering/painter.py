"""Draws dressed bodies and boxes with OpenGL, on any driver that EGL finds, a software one included."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from engine.body.model import BodyModel
from engine.errors import MissingTool

from . import shaders
from .scene import SUBJECT, THING, Box, Outfit, Scene

NEAR_M, FAR_M = 0.1, 60.0
_INFLUENCES = 4
_NOISE_SIDE = 256
_EGL: dict[str, Any] = {"backend": "egl"}
_CELL_M, _HAND_CELL_M, _HAND_FROM_M = 0.012, 0.007, 0.66


@dataclass(frozen=True)
class Figure:
    """A dressed person on the graphics side: its vertex array, its outfit and its rest joints (24, 3) m."""

    vertices: Any
    outfit: Outfit
    rest_joints: np.ndarray


@dataclass(frozen=True)
class PosedFigure:
    """A figure in one pose: global rotations (24, 3, 3), joints (24, 3) m, world."""

    figure: Figure
    globals_: np.ndarray
    joints: np.ndarray


@dataclass(frozen=True)
class Picture:
    """One drawn picture: image_rgb (H, W, 3) uint8, identity (H, W) uint8, depth_m (H, W) along the view axis."""

    image_rgb: np.ndarray
    identity: np.ndarray
    depth_m: np.ndarray


class Painter:
    """An OpenGL context with the programs and the body's mesh; use as a context manager or call `close`.

    Needs moderngl and an EGL driver (Mesa's llvmpipe will do). Raises MissingTool where one of them is not there.
    """

    def __init__(self, body: BodyModel) -> None:
        try:
            import moderngl
        except ImportError as error:
            raise MissingTool('rendering needs moderngl: pip install "swingtwist[train]"') from error

        self._gl = moderngl
        try:
            self._context = moderngl.create_context(standalone=True, **_EGL)
        except Exception as error:
            if type(error) is not Exception:  # moderngl's own failures have no type of their own
                raise
            raise MissingTool(
                f"rendering needs OpenGL through EGL, which gave {error}; install Mesa's libegl1"
            ) from error
        self._context.enable(moderngl.DEPTH_TEST)
        self._context.front_face = "cw"  # pictures are drawn with row 0 on top, which mirrors them
        self._body_program = self._context.program(shaders.BODY_VERTEX, shaders.BODY_FRAGMENT)
        self._box_program = self._context.program(shaders.BOX_VERTEX, shaders.BOX_FRAGMENT)
        self._sky_program = self._context.program(shaders.SKY_VERTEX, shaders.SKY_FRAGMENT)
        self._noise = self._context.texture((_NOISE_SIDE, _NOISE_SIDE), 4, noise_texture().tobytes())
        self._noise.build_mipmaps()
        self._noise.use(0)
        cube, quad = self._context.buffer(_cube().tobytes()), self._context.buffer(_QUAD.tobytes())
        self._cube = self._context.vertex_array(self._box_program, [(cube, "3f 3f", "place", "normal")])
        self._quad = self._context.vertex_array(self._sky_program, [(quad, "2f", "place")])
        self._targets: dict[tuple[int, int], Any] = {}
        self._mesh = _Mesh(body)
        self._elements = self._context.buffer(self._mesh.triangles.astype("u4").tobytes())

    def __enter__(self) -> Painter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the context and all that was made with it."""
        self._context.release()

    def figure(self, betas: np.ndarray, outfit: Outfit, rng: np.random.Generator) -> Figure:
        """A person of shape (10,) in an outfit; `rng` varies how the clothes hang."""
        data, rest_joints = self._mesh.dressed(betas, outfit, rng)
        buffer = self._context.buffer(data.tobytes())
        vertices = self._context.vertex_array(
            self._body_program,
            [(buffer, "3f 3f 3f 4f 4f 1f", "rest", "normal", "canon", "bones", "weights", "material")],
            self._elements,
        )
        return Figure(vertices, outfit, rest_joints)

    def paint(
        self,
        scene: Scene,
        people: list[PosedFigure],
        intrinsics: np.ndarray,
        world_to_camera: np.ndarray,
        size: tuple[int, int],
    ) -> Picture:
        """The scene with its people, the first of them the subject, through a pinhole camera.

        intrinsics (3, 3) px with pixel edges at whole numbers, world_to_camera (4, 4), size (width, height) px.
        """
        target = self._target(size)
        target.use()
        target.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        view = projection(intrinsics, size) @ world_to_camera
        eye = -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]
        lighting = scene.lighting
        shared = {
            "light_way": lighting.way,
            "light_colour": lighting.colour,
            "sky_light": lighting.sky,
            "ground_light": lighting.ground,
            "eye": eye,
        }
        # Nearest first, so that little is shaded twice.
        self._set(self._body_program, {**shared, "view_projection": view.T})
        self._context.enable(self._gl.CULL_FACE)
        for number, person in enumerate(people):
            self._draw_person(person, (SUBJECT if number == 0 else THING) / 255, shadow=None)
        self._context.disable(self._gl.CULL_FACE)
        if scene.has_floor:
            floor = 0.5 * scene.boxes[0].colours.mean(axis=0) * 0.5 * (lighting.sky + lighting.ground)
            for person in people:
                self._draw_person(person, THING / 255, shadow=floor)
        self._set(self._box_program, {**shared, "view_projection": view.T, "identity": THING / 255})
        for box in reversed(scene.boxes):
            self._draw_box(box)
        self._set(self._sky_program, {"colours": scene.sky.colours, "pattern": scene.sky.pattern})
        self._quad.render(self._gl.TRIANGLE_STRIP)
        width, height = size
        pixels = np.frombuffer(target.read(components=4, alignment=1), np.uint8).reshape(height, width, 4)
        depth = np.frombuffer(target.read(attachment=-1, components=1, dtype="f4", alignment=1), np.float32).reshape(
            height, width
        )
        metres = 2 * NEAR_M * FAR_M / (FAR_M + NEAR_M - (2 * depth - 1) * (FAR_M - NEAR_M))
        return Picture(pixels[..., :3], pixels[..., 3], metres)

    def _target(self, size: tuple[int, int]) -> Any:
        if size not in self._targets:
            colour = self._context.renderbuffer(size, 4)
            self._targets[size] = self._context.framebuffer([colour], self._context.depth_renderbuffer(size))
        return self._targets[size]

    def _set(self, program: Any, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name in program:
                program[name].write(np.ascontiguousarray(value, dtype=np.float32).tobytes())

    def _draw_box(self, box: Box) -> None:
        self._set(
            self._box_program,
            {"model": box.model.T, "size": box.size, "colours": box.colours, "pattern": box.pattern},
        )
        self._cube.render(self._gl.TRIANGLES)

    def _draw_person(self, person: PosedFigure, identity: float, shadow: np.ndarray | None) -> None:
        matrices = np.zeros((24, 4, 4))
        matrices[:, :3, :3] = person.globals_
        turned = np.einsum("jab,jb->ja", person.globals_, person.figure.rest_joints)
        matrices[:, :3, 3] = person.joints - turned
        matrices[:, 3, 3] = 1.0
        outfit = person.figure.outfit
        self._set(
            self._body_program,
            {
                "joints": np.swapaxes(matrices, 1, 2),
                "identity": identity,
                "shadow": 0.0 if shadow is None else 1.0,
                "shadow_colour": np.zeros(3) if shadow is None else shadow,
                "colours": outfit.colours,
                "cut": outfit.cut,
                "pattern": outfit.pattern,
                "face": outfit.face,
                "cloth": outfit.cloth,
            },
        )
        person.figure.vertices.render(self._gl.TRIANGLES)


class _Mesh:
    """The body's mesh split where materials meet, as the shaders want it."""

    def __init__(self, body: BodyModel) -> None:
        self._body = body
        materials = body.face_materials if body.face_materials is not None else np.zeros(len(body.faces), np.int64)
        corners = body.faces.reshape(-1)
        keys = corners * len(body.material_names) + np.repeat(materials, body.faces.shape[1])
        unique, inverse = np.unique(keys, return_inverse=True)
        source, material = unique // len(body.material_names), unique % len(body.material_names)
        quads = inverse.reshape(body.faces.shape)
        triangles = _coarser(
            np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), body.template[source], material
        )
        used, self.triangles = np.unique(triangles, return_inverse=True)
        self.triangles = self.triangles.reshape(-1, 3)
        self._source, self._material = source[used], material[used].astype(np.float32)
        order = np.argsort(-body.skin_weights, axis=1)[:, :_INFLUENCES]
        weights = np.take_along_axis(body.skin_weights, order, axis=1)
        self._bones, self._weights = order, weights / weights.sum(axis=1, keepdims=True)
        hair = np.zeros(len(body.template))
        hair[np.unique(body.faces[materials == body.material_names.index("hair")])] = 1.0
        self._hair = hair

    def dressed(self, betas: np.ndarray, outfit: Outfit, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(V, 18) vertex data and (24, 3) rest joints, m, of a person."""
        body = self._body
        vertices = body.shaped(betas)
        joints = body.joint_regressor @ vertices
        normals = vertex_normals(vertices, body.faces)
        x, y = np.abs(body.template[:, 0]), body.template[:, 1]
        sleeve, hem, leg, _ = outfit.cut
        in_shirt = _soft(y, hem, 0.03) * _soft(-y, -1.44, 0.03) * _soft(-x, -sleeve, 0.02)
        in_trousers = _soft(-y, -hem, 0.03) * _soft(y, max(leg, 0.09), 0.02) * _soft(-x, -0.3, 0.02)
        waves = rng.uniform(0.0, 2 * np.pi, (6, 1)), rng.normal(0.0, 14.0, (6, 3))
        hang = 1.0 + 0.25 * np.sin(waves[1] @ body.template.T + waves[0]).sum(axis=0) / np.sqrt(3)
        puff = outfit.puff
        off = (in_shirt * puff[0] + in_trousers * puff[1]) * np.clip(hang, 0.2, 2.0) + self._hair * puff[2]
        vertices = vertices + off[:, None] * normals
        columns = (vertices, normals, body.template, self._bones, self._weights)
        data = np.concatenate([column[self._source] for column in columns] + [self._material[:, None]], axis=1)
        return data.astype(np.float32), joints


def _coarser(triangles: np.ndarray, places: np.ndarray, material: np.ndarray) -> np.ndarray:
    """The triangles (F, 3) that are left when vertices of one material in one small cell become one.

    Software drivers pay for a triangle at least as for a block of pixels, and most of a body's are smaller than one.
    """
    fingers = (np.abs(places[:, 0]) > _HAND_FROM_M)[:, None]
    cells = np.floor(places / np.where(fingers, _HAND_CELL_M, _CELL_M)).astype(np.int64)
    _, first, inverse = np.unique(
        np.concatenate([cells, material[:, None]], axis=1), axis=0, return_index=True, return_inverse=True
    )
    merged = first[inverse.reshape(-1)][triangles]
    a, b, c = merged.T
    return merged[(a != b) & (b != c) & (c != a)]


def _soft(value: np.ndarray, edge: float, width: float) -> np.ndarray:
    """0 below the edge to 1 above it, smooth over `width`."""
    return np.clip((value - edge) / width + 0.5, 0.0, 1.0)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) unit normals of a mesh, (V, 3) vertices and (F, 4) faces, counter-clockwise seen from outside."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    triangle = faces[:, 3] == faces[:, 0]
    normal[triangle] = np.cross(
        corners[triangle, 1] - corners[triangle, 0], corners[triangle, 2] - corners[triangle, 0]
    )
    summed = np.zeros_like(vertices)
    for corner in range(faces.shape[1]):
        np.add.at(summed, faces[:, corner], normal)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)


def projection(intrinsics: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(4, 4) from camera axes (x right, y down, z forward) to clip space whose lowest row is the picture's top."""
    (width, height), k = size, intrinsics
    depth = FAR_M - NEAR_M
    return np.array(
        [
            [2 * k[0, 0] / width, 2 * k[0, 1] / width, 2 * k[0, 2] / width - 1, 0.0],
            [0.0, 2 * k[1, 1] / height, 2 * k[1, 2] / height - 1, 0.0],
            [0.0, 0.0, (FAR_M + NEAR_M) / depth, -2 * FAR_M * NEAR_M / depth],
            [0.0, 0.0, 1.0, 0.0],
        ]
    )


def noise_texture(seed: int = 7) -> np.ndarray:
    """(256, 256, 4) uint8 tileable noise with equal power in every octave, four independent channels."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(_NOISE_SIDE)[:, None], np.fft.fftfreq(_NOISE_SIDE)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((4, _NOISE_SIDE, _NOISE_SIDE))) / frequency**1.2
    field = np.fft.ifft2(spectrum).real
    field = 0.5 + 0.18 * field / field.std(axis=(1, 2), keepdims=True)
    return np.ascontiguousarray(np.moveaxis(np.clip(field * 255, 0, 255), 0, -1).astype(np.uint8))


_QUAD = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], dtype=np.float32)


def _cube() -> np.ndarray:
    """(36, 6) corners of a box of half edge 1 with normals."""
    rows = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal = np.zeros(3)
            normal[axis] = sign
            one, two = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3] * sign
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, -1), (1, 1), (-1, 1)):
                rows.append(np.concatenate([normal + a * one + b * two, normal]))
    return np.array(rows, dtype=np.float32)
