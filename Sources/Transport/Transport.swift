// The Transport room.
