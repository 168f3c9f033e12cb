"""What a reviewer reads and a gate asks before a change goes to AWS."""
