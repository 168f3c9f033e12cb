"""Other ways to load the same files, written as their users write them."""
