"""What the page calls: models, data, training and metrics, with no Gradio in sight."""
