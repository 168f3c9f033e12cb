"""Which deliveries are processed together, and who may do it: batches, the lease, what is set aside."""
