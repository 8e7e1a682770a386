"""Body models: rest pose, shape space and skin of a 24-joint SMPL body."""
