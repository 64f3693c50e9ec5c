#pragma once
#include "CPosixService.h"
// The few Linux calls the Transport room needs, wrapped so that errno never has to be read from Swift:
// every function returns a value >= 0, or the negated errno. EINTR is retried here and nowhere else.
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CPOSIX_READABLE = 1,  // bytes, a connection or end of file can be read
    CPOSIX_WRITABLE = 2,  // the send buffer has room, or a connect has ended
    CPOSIX_PEER_CLOSED = 4,  // the peer has closed its sending side
    CPOSIX_FAILED = 8,  // reset, or both sides closed
};

typedef struct {
    uint64_t token;
    uint32_t readiness;
} cposix_event;

typedef struct {
    uint8_t bytes[16];  // network order; IPv4 uses the first four
    uint32_t scope;
    uint16_t port;
    uint16_t version;  // 4 or 6
} cposix_address;

int cposix_epoll_create(void);
/// Edge-triggered for reading and writing: registered once, never modified.
int cposix_epoll_add_stream(int epoll, int fd, uint64_t token);
/// Level-triggered, one of several epolls is woken.
int cposix_epoll_add_listener(int epoll, int fd, uint64_t token);
int cposix_epoll_remove(int epoll, int fd);
/// The most events that one call gives.
#define CPOSIX_EVENTS_MAX 256
/// What is ready now, or within so many milliseconds.
int cposix_epoll_poll(int epoll, cposix_event *events, int count, int milliseconds);
/// A descriptor that makes an epoll report its token whenever `cposix_wake` is called.
int cposix_wake_create(int epoll, uint64_t token);
void cposix_wake(int wake);

int cposix_listen(const cposix_address *address, int backlog);
/// Listens at a path of the file system, with a file of this mode. A socket that nobody listens at any more is replaced;
/// -EADDRINUSE when somebody does, or when something else is there.
int cposix_listen_path(const char *path, unsigned mode, int backlog);
/// The path of a Unix socket: its length, 0 when it has none, or -errno; -ENOTSOCK and -EAFNOSUPPORT for other descriptors.
int cposix_local_path(int fd, char *path, size_t count);
/// Removes the file of a Unix socket; what is no socket is left alone.
int cposix_unlink_socket(const char *path);
/// A peer at a Unix socket is on this machine and gets the loopback's address with port 0.
int cposix_accept(int listener, cposix_address *peer);
/// A connecting, non-blocking socket; whether it has worked is known when it is writable.
int cposix_connect(const cposix_address *address);
/// The pending error of a socket, as -errno; 0 when there is none.
int cposix_socket_error(int fd);
int cposix_local_address(int fd, cposix_address *address);
/// Whether the peer has closed or sent something: 1 when so, 0 when the connection is quiet.
int cposix_is_stale(int fd);
/// How many of the bytes sent the peer's system has not acknowledged.
int cposix_unacknowledged(int fd);

ssize_t cposix_receive(int fd, void *bytes, size_t count);
/// As `cposix_receive`, but what is read stays to be read again.
ssize_t cposix_peek(int fd, void *bytes, size_t count);
ssize_t cposix_send(int fd, const void *bytes, size_t count);
ssize_t cposix_send2(int fd, const void *first, size_t first_count, const void *second, size_t second_count);
int cposix_shutdown_write(int fd);
int cposix_duplicate(int fd);
void cposix_close(int fd);
/// A close that resets the connection at once and leaves no TIME_WAIT.
void cposix_abort(int fd);

/// 0 when `text` is a numeric IPv4 or IPv6 address.
int cposix_address_parse(const char *text, uint16_t port, cposix_address *address);
/// Writes the numeric form without port; 0, or -errno.
int cposix_address_format(const cposix_address *address, char *text, size_t count);
/// Blocking. The number of addresses, or the negated EAI_ code.
int cposix_resolve(const char *host, uint16_t port, cposix_address *addresses, int count);
const char *cposix_resolve_reason(int code);

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t cposix_monotonic(void);
/// Nanoseconds of processor time that the calling thread has had.
uint64_t cposix_thread_time(void);
/// Nanoseconds that all processors together have been idle since the system started (/proc/uptime); less than 0 where it does
/// not say.
int64_t cposix_idle_time(void);
/// Seconds of CLOCK_REALTIME.
int64_t cposix_wall_seconds(void);
