// The Proxy room.
