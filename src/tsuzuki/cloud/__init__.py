"""Sessions in stores beyond this machine."""
