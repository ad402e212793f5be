"""The parts of the Fine-tune tab: the form, the forecast, the run as it goes, the report."""
