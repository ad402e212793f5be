"""Imports the heavy libraries in the background, once the page answers."""


def warm_up() -> None:
    """Start the thread that imports them."""
