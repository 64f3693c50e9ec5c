// The Tensor room.
