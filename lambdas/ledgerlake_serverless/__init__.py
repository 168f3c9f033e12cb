"""Adapter of Step Functions: the code that its Lambdas share."""
