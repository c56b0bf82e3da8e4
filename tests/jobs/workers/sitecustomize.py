"""Worker processes of the tests run the linear model."""

import linear_model

import ibis_dalec

ibis_dalec.simulate_batch = linear_model.simulate_batch
ibis_dalec.simulate = linear_model.simulate
