"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with OWASP's parameters (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.

    Django's own take 100 MiB and eight lanes for each attempt: a handful of sign-ins at once would take a small machine's
    memory. Passwords hashed with other parameters are hashed anew when their owners sign in.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
