"""What is embedded and tokenised in the place of a bare passage."""


def embedded_text(*, title: str, section: str, text: str) -> str:
    """The passage after its document's title and section path, each on a line of its own.

    A passage seldom names what it is about; its document does. Measured in bench/README.md: this is worth more than any
    change of model.
    """
    return "\n".join(part for part in (title.strip(), section.strip(), text) if part)
