"""Tenant scope, base model, errors, queueing: what every other app stands on. Imports no other app."""
