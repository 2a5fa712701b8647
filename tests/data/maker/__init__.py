"""Makes the embedded default checkpoints: one module per quantizer, see ../make_minilm.py."""
