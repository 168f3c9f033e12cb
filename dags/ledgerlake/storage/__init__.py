"""S3: JSON and conditional writes, resumable reads, clients."""
