"""The audit trail: append-only by database permission, hash-chained per tenant. Only this app touches its table."""
