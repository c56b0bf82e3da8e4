"""A made-up domain to try the model on."""
