"""Reading videos (probe, index, decode) and writing them (encode, combine, verify)."""
