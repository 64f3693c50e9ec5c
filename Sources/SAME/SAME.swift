// The SAME room.
