"""What people use in the browser apart from the console. Speaks HTTP to the platform and imports none of it."""
