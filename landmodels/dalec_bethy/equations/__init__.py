"""The equations of DALEC-BETHY, written once over a maths namespace.

Every function takes ``m``, which supplies ``exp``, ``log``, ``sqrt`` and ``sin``, and
uses nothing else but arithmetic. No function branches on a state or a parameter, so
each runs on floats (``m`` is :mod:`math`), on real and complex arrays (``m`` is
:mod:`numpy`), and on the variables of :mod:`landmodels.dalec_bethy.trace`, from which
the compiled kernels and their derivatives are generated.

The ancestors are BETHY (Knorr 2000; Knorr et al. 2010) for light, photosynthesis,
energy and water, and DALEC2 (Williams et al. 2005; Bloom and Williams 2015) for the
carbon pools and the phenology. What stands for neither is marked "ours".
"""
