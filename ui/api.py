"""The named endpoints: REST, gradio_client, MCP."""

from ui.visitor import Services


def publish(services: Services) -> None:
    """Publish them on the page being built."""
