"""SigmaSight watched by the exporter as a process of its own, over real databases."""
