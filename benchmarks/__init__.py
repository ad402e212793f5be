"""Scripts that print a table and write results/*.json: speed and quality are shown here, never in a timed test."""
