"""The equations of the model: every compiled file and nothing else."""
