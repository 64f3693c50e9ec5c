// The Neural room.
