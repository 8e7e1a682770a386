"""Who is where in each frame: the person detector and the tracks made of its detections."""
