"""Killing what documents are indexed with: real servers, real workers, real signals."""
