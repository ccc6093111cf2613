"""What a run leaves: dataset, result file, summary, provenance."""
