"""The image networks of HybrIK and HybrIK-Transformer; importing the package itself loads no torch."""
