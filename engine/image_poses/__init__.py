"""The image networks as a source of poses: crops of people in; joints, twists, shape and distance out."""
