"""Sweeps that come with the package: `--sweep activation` runs `activation.yaml`."""
