"""The metrics of a folder of sessions, offered to other programs."""
