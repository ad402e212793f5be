"""The page: five tabs over the backend."""
