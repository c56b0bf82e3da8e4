"""From posteriors and covariates to one fit per parameter."""
