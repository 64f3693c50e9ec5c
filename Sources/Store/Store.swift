// The Store room: what a gateway must remember between requests, bounded in number, bytes and time.
