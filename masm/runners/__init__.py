"""How a model is called: in batches, in worker processes, as a program."""
