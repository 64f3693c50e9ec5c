// The Query room: prediction wire formats on one side, canonical tensors and probabilities on the other.
//
// A body is untrusted bytes. It is read once, front to back, by a strict scanner that writes numbers straight into
// the canonical batch; no tree of values is built, and whatever is not exactly the protocol's is an error with a
// byte offset, never a guess.
