"""What is calibrated: priors, parameter sets, stages, seeds and the problem."""
