"""The one-command start: the whole platform on one machine, every process under one supervisor."""
