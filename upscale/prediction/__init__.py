"""The trained upscaler and what it predicts."""
