"""The four steps; each is skipped when it is completed and may be repeated without harm."""
