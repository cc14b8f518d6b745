"""Everything that changes knowledge bases, documents, and the jobs that index them."""
