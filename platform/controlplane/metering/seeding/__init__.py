"""A tenant full of made-up documents, conversations and audit events: for load tests and measurements, never for use.

The rows are those that the platform itself would have written, made much faster: nothing is parsed, embedded or asked.
There are no files behind the documents and no index, so that nothing can be searched or downloaded.
"""
