// The RedTeam room.
