"""Writers of finished motion: FBX, GLB, USD and .blend through Blender, BVH and npz without it."""
