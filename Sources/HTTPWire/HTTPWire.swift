// The HTTPWire room.
