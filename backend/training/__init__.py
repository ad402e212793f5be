"""Training: specs, run folders, the loop, the launchers and the queue."""
