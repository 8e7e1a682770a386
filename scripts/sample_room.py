"""The room of the sample clip in Blender's Workbench: floor, walls, pictures, a camera and the dressed body."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.body.model import BodyModel
from rig.frames import WORLD_TO_ARMATURE, rigid_inverse, rotate

PIXELS = 512
BRIGHTER = 1.5  # Workbench's studio light darkens colours


def _srgb(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _grain(random: np.random.Generator, amount: float, size: int, pixels: int = PIXELS) -> np.ndarray:
    """(pixels, pixels) factors around 1, blotches of `size` pixels and finer ones on top."""
    coarse = random.standard_normal((pixels // size + 1, pixels // size + 1)).repeat(size, 0).repeat(size, 1)
    return 1.0 + amount * (0.5 * coarse[:pixels, :pixels] + 0.5 * random.standard_normal((pixels, pixels)))


def cloth_picture(name: str, color: np.ndarray) -> np.ndarray:
    """(N, N, 3) linear colours over the front of the T-pose: u from x = -1 to 1 m, v from y = 0 to 2 m."""
    random = np.random.default_rng(sum(name.encode()))
    picture = BRIGHTER * np.asarray(color) * _grain(random, 0.10 if name != "skin" else 0.04, 4)[..., None]
    y, x = (np.mgrid[0:PIXELS, 0:PIXELS] + 0.5) / PIXELS * 2.0
    x = np.abs(x - 1.0)
    if name == "shirt":
        picture[(y > 1.20) & (y < 1.245)] = (0.75, 0.72, 0.65)
        picture[(y > 1.165) & (y < 1.185)] = (0.70, 0.25, 0.05)
        picture[x > 0.335] = (0.75, 0.72, 0.65)
    elif name == "trousers":
        picture[(x > 0.168) & (x < 0.185) & (y < 0.85)] = (0.45, 0.45, 0.48)
    elif name == "shoes":
        picture[y < 0.022] = (0.25, 0.03, 0.03)
    return picture


def floor_picture() -> np.ndarray:
    """(N, N, 3) linear colours of wooden planks."""
    random = np.random.default_rng(1)
    n, rows = 2048, 64
    high = n // rows
    planks = np.zeros((n, n, 3))
    for row in range(rows):
        ends = np.sort(random.integers(0, n, 5))
        tone = np.repeat(random.uniform(0.75, 1.15, 6), np.diff([0, *ends, n]))
        grain = np.cumsum(random.standard_normal((high, n)) * 0.012, axis=1)
        plank = (tone + grain - grain.mean(axis=1, keepdims=True))[..., None] * np.array([0.55, 0.36, 0.21])
        plank[0] *= 0.45
        plank[:, ends] *= 0.5
        planks[row * high : (row + 1) * high] = plank
    return planks


def wall_picture(tint: tuple[float, float, float]) -> np.ndarray:
    """(N, N, 3) linear colours of a plastered wall, brighter above, with a skirting board."""
    random = np.random.default_rng(2)
    shade = np.linspace(0.82, 1.05, PIXELS)[:, None] * _grain(random, 0.02, 8)
    picture = np.asarray(tint) * shade[..., None]
    picture[:18] = (0.70, 0.68, 0.64)
    picture[18:20] *= 0.6
    return picture


def poster_picture(seed: int) -> np.ndarray:
    """(N, N, 3) linear colours of a framed abstract print."""
    random = np.random.default_rng(seed)
    picture = np.ones((PIXELS, PIXELS, 3)) * (0.75, 0.73, 0.68)
    y, x = np.mgrid[0:PIXELS, 0:PIXELS]
    for _ in range(7):
        centre, radius = random.uniform(90, PIXELS - 90, 2), random.uniform(30, 110)
        picture[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2] = random.uniform(0.05, 0.6, 3)
    edge = np.minimum(np.minimum(x, y), PIXELS - 1 - np.maximum(x, y))
    picture[edge < 18] = (0.05, 0.04, 0.03)
    return picture


def _material(name: str, picture: np.ndarray) -> bpy.types.Material:
    height, width = picture.shape[:2]
    image = bpy.data.images.new(name, width, height)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = _srgb(picture)
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    material.node_tree.nodes.active = node
    return material


def _add(name: str, mesh: bpy.types.Mesh) -> bpy.types.Object:
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _panel(name: str, corners: np.ndarray, picture: np.ndarray) -> None:
    """One quad from four world corners (4, 3) m, lower left first, counter-clockwise as seen, with a picture on it."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(rotate(WORLD_TO_ARMATURE, corners).tolist(), [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new()
    layer.uv.foreach_set("vector", np.array([0, 0, 1, 0, 1, 1, 0, 1], np.float32))
    mesh.materials.append(_material(name, picture))
    _add(name, mesh)


class Room:
    """A scene with one body whose vertices are set before each picture."""

    def __init__(
        self,
        body: BodyModel,
        betas: np.ndarray,
        world_to_camera: np.ndarray,
        centre: np.ndarray,
        focal_px: float,
        size: tuple[int, int],
    ) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = bpy.context.scene
        self._scene = scene
        self._mesh = self._dress(body, betas)
        self._build_walls(world_to_camera, centre)

        camera = bpy.data.cameras.new("camera")
        camera.sensor_fit, camera.sensor_width = "HORIZONTAL", 36.0
        camera.lens = focal_px * camera.sensor_width / size[0]
        camera.clip_start = 0.05
        scene.camera = bpy.data.objects.new("camera", camera)
        scene.collection.objects.link(scene.camera)
        pose = rigid_inverse(world_to_camera)
        matrix = np.eye(4)
        matrix[:3, :3] = WORLD_TO_ARMATURE @ pose[:3, :3] @ np.diag([1.0, -1.0, -1.0])
        matrix[:3, 3] = WORLD_TO_ARMATURE @ pose[:3, 3]
        scene.camera.matrix_world = Matrix(matrix.tolist())

        scene.render.engine = "BLENDER_WORKBENCH"
        scene.render.resolution_x, scene.render.resolution_y = size
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.compression = 10
        scene.view_settings.view_transform = "Standard"
        scene.display.render_aa = "8"
        scene.display.light_direction = (-0.35, 0.45, 0.82)
        shading = scene.display.shading
        shading.light, shading.color_type = "STUDIO", "TEXTURE"
        shading.show_shadows, shading.shadow_intensity = True, 0.45
        shading.show_cavity, shading.cavity_type = True, "BOTH"
        shading.show_specular_highlight = True

    @staticmethod
    def _dress(body: BodyModel, betas: np.ndarray) -> bpy.types.Mesh:
        mesh = bpy.data.meshes.new("body")
        faces = [list(dict.fromkeys(face)) for face in body.faces.tolist()]
        rest = body.shaped(betas)
        mesh.from_pydata(rest.tolist(), [], faces)
        mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
        mesh.polygons.foreach_set("material_index", body.mesh(betas).face_materials.astype(np.int32))
        corners = np.concatenate([np.array(face) for face in faces])
        uv = np.stack([(rest[corners, 0] + 1.0) / 2.0, rest[corners, 1] / 2.0], axis=1)
        mesh.uv_layers.new().uv.foreach_set("vector", uv.astype(np.float32).ravel())
        for name, color in zip(body.material_names, body.material_colors, strict=True):
            mesh.materials.append(_material(name, cloth_picture(name, color)))
        _add("body", mesh)
        return mesh

    @staticmethod
    def _build_walls(world_to_camera: np.ndarray, centre: np.ndarray) -> None:
        ahead = world_to_camera[2, :3] * [1, 0, 1]
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 1.0, 0.0])
        up = np.array([0.0, 1.0, 0.0])
        base = np.array([centre[0], 0.0, centre[2]])
        back, side = base + 2.3 * ahead, base - 3.1 * right

        floor = [base + 5 * (-right - ahead), base + 5 * (right - ahead), base + 5 * (right + ahead),
                 base + 5 * (-right + ahead)]  # fmt: skip
        _panel("floor", np.array(floor), floor_picture())
        wall = [back - 3.1 * right, back + 5 * right, back + 5 * right + 3 * up, back - 3.1 * right + 3 * up]
        _panel("back wall", np.array(wall), wall_picture((0.80, 0.82, 0.76)))
        wall = [side - 5 * ahead, side + 2.3 * ahead, side + 2.3 * ahead + 3 * up, side - 5 * ahead + 3 * up]
        _panel("side wall", np.array(wall), wall_picture((0.90, 0.80, 0.66)))
        for seed, (left, low, width, height) in enumerate([(-2.3, 1.25, 0.9, 0.9), (1.3, 1.35, 1.2, 0.8)]):
            corner = back - 0.02 * ahead + left * right + low * up
            poster = [corner, corner + width * right, corner + width * right + height * up, corner + height * up]
            _panel(f"poster {seed}", np.array(poster), poster_picture(seed + 3))

    def render(self, vertices: np.ndarray, picture: Path) -> None:
        """Write one PNG with the body's vertices (V, 3) m in Blender's axes."""
        self._mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
        self._mesh.update()
        self._scene.render.filepath = str(picture)
        bpy.ops.render.render(write_still=True)
