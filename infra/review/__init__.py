"""Review of a change before it goes to AWS: pages for reviewers, and the security gate."""
