"""What a state machine does to sessions, and what it is judged by."""
