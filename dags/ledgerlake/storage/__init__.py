"""S3: JSON and conditional writes, reads that go on where they broke, clients."""
