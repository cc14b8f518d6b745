"""Initial passwords that the platform chooses, to be read out or copied once."""

import secrets

# Without what is mistaken for something else when it is read from paper: 0 O o, 1 l I.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _LENGTH = 4, 4


def password_generate() -> str:
    """`k7Qm-x2Rt-…`: sixteen random letters and digits, 92 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(_GROUPS))
