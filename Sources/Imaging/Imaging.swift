// The Imaging room.
