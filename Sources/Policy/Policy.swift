// The Policy room: from one calibrated assessment to a verdict, and what the verdicts do.
//
// Everything here is pure: time, randomness and keys come from outside, nothing is remembered between calls.
// What must be remembered (spent challenges, withheld answers) is the Store room's.
