"""Where releases are kept, and who may deploy them."""
