"""The networks, a file per paper, and the one place where they are put together."""
