"""AI video upscaling that can be stopped at any instant and continued with the same bytes."""
