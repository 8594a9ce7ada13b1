"""Talking faces with exact ground truth: docs/synth.md."""
