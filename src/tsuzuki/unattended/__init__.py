"""Work without a person: folders that are watched, a start at login, news of what ended."""
