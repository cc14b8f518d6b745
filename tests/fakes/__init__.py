"""Hand-written stand-ins for our own ports. Nothing is imported here: take what you need from the modules."""
