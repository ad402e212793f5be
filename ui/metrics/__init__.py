"""The parts of the Runs tab: the table of runs, and what is drawn of the chosen ones."""
