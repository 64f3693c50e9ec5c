// The Learning room.
