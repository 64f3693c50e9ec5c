// The Settings room.
