"""What leaves the product: snippets."""
