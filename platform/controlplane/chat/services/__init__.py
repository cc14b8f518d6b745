"""Writing conversations: the question before it is answered, the outcome after, each with its audit event."""
