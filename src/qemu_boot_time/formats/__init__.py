"""Foreign file formats, knowing nothing of boots."""
