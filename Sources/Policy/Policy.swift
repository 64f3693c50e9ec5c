// The Policy room.
