"""What people use in the browser apart from the console. Speaks HTTP to the platform and imports none of it.

The console takes `markdown` from here, so that an answer is made safe in one place.
"""
