"""The way from every released schema to the present one, run by `helpbot migrate` and at start."""
