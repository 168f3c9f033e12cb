"""Security gate: the checks of `make security`, and the accepted findings with reasons."""
