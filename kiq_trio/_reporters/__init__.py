"""The reporters that every `Kiq` has."""
