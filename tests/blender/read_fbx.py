"""Read an FBX with ufbx, in a process of its own since the binding can crash it: `read_fbx.py FILE.fbx FPS FRAMES`.

Prints one JSON object: takes, settings, the tree, rest scales and each node's world position on every frame.
"""

import json
import sys

import ufbx

path, fps, frames = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
scene = ufbx.load_file(path)
alive = []  # the binding frees what nothing refers to, too early


def keep(thing):
    alive.append(thing)
    return thing


def walk(node, parent, tree):
    for child in keep(node.children):
        keep(child)
        scale = child.local_transform.scale
        tree[child.name] = {"parent": parent, "scale": [scale.x, scale.y, scale.z]}
        walk(child, child.name, tree)
    return tree


def text(thing):
    return str(keep(thing).name)


tree = walk(keep(scene.root_node), "", {})
stacks = keep(scene.anim_stacks)
takes = [keep(stacks[index]) for index in range(len(stacks))]
settings = keep(scene.settings)
positions = {name: [] for name in tree}
scales = []
if takes:
    anim = keep(takes[0].anim)
    for frame in range(frames):
        posed = keep(scene.evaluate(anim, frame / fps))
        for name in tree:
            node = keep(posed.find_node(name))
            scale, place = keep(keep(node.local_transform).scale), keep(keep(node.node_to_world).c3)
            scales.append([scale.x, scale.y, scale.z])
            positions[name].append([place.x, place.y, place.z])
clusters = keep(scene.skin_clusters)


def height_of(node):
    """How far the corners of a node's mesh reach along the file's y where the node stands at rest; None without one."""
    mesh = keep(keep(node).mesh)
    if mesh is None:
        return None
    to_world, points = keep(node.geometry_to_world), keep(mesh.vertices)
    ys = []
    for index in range(len(points)):
        point = points[index]
        ys.append(to_world.c0.y * point.x + to_world.c1.y * point.y + to_world.c2.y * point.z)
    return max(ys) - min(ys)


heights = [height_of(scene.find_node(name)) for name in tree]
print(
    json.dumps(
        {
            "takes": [{"name": take.name, "begin": take.time_begin, "end": take.time_end} for take in takes],
            "unit_meters": settings.unit_meters,
            "up_is_y": int(settings.axes.up) == int(ufbx.CoordinateAxis.POSITIVE_Y),
            "tree": tree,
            "positions": positions,
            "clusters": [text(clusters[index]) for index in range(len(clusters))],
            "meshes": len(keep(scene.meshes)),
            "moving_scales": scales,
            "mesh_heights": [height for height in heights if height is not None],
        }
    ),
    flush=True,
)
