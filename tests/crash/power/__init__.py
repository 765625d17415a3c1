"""Power cuts: the work that is cut, what may be left of it, and real file systems to cut it on."""
