// The Query room.
