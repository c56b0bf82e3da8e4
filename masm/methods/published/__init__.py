"""The loop of Ma et al. (2022) (``published``)."""
