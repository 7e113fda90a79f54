"""The catalogue of models and what can be done with it, as data. Knows no torch and no widget."""
