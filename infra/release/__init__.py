"""Files that a deployment uploads, built from the tree: the same bytes for the same tree."""
