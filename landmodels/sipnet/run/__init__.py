"""Running the model: lanes, outputs and the calls of the package."""
