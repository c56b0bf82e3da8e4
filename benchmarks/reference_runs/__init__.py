"""Process models against reference runs, case by case.

``python -m benchmarks.reference_runs MODEL FOLDER [--shared FOLDER]`` runs every case
of a folder, prints the worst deviation of each run and exits 1 where one is over its
tolerance. A model adds a file and a line in ``__main__.MODELS``.
"""
