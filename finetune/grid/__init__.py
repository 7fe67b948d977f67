"""Training runs that belong together: a sweep, several seeds, the folds of a cross-validation."""
