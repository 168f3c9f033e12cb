"""The adapter of Step Functions: what its Lambdas share."""
