// The Observe room.
