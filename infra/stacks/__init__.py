"""The stacks of CloudFormation, one package each; `stack.py` is the whole of it."""
