#pragma once
// What a service needs of Linux besides its sockets: the service manager's datagrams, inherited descriptors, limits, users,
// and starting a successor. As in CPosix.h, every function returns a value >= 0 or the negated errno.
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Sends one datagram to a Unix socket; a path that begins with '@' is in the abstract namespace.
int cposix_notify(const char *path, const char *text, size_t count);
/// Makes an inherited descriptor non-blocking and close-on-exec. -ENOTSOCK, or -EINVAL when it is no listening stream socket.
int cposix_adopt_listener(int fd);
/// Raises the soft limit of open descriptors to the hard one, and tells both.
int cposix_raise_descriptor_limit(uint64_t *before, uint64_t *after);
/// The ids of a user, by name or number, and of its group; -ENOENT when there is none.
int cposix_find_user(const char *name, uint32_t *uid, uint32_t *gid);
/// The id of a group, by name or number; -ENOENT when there is none.
int cposix_find_group(const char *name, uint32_t *gid);
/// Becomes another user for good, with the groups of `name` and `gid`; -EPERM when root could be had back.
int cposix_become(const char *name, uint32_t uid, uint32_t gid);
/// Whether this process may make files in a directory.
int cposix_may_write_directory(const char *path);
/// A copy of a descriptor with a number of at least `least`, close-on-exec.
int cposix_duplicate_above(int fd, int least);
/// Has the allocator spread threads over so many heaps at most; 0, or -ENOTSUP where it has none to bound.
int cposix_bound_heaps(int count);
/// What the allocator's heaps hold: bytes in use, and bytes that it keeps for later; both 0 where it does not say.
void cposix_heap_use(uint64_t *used, uint64_t *kept);
/// The two ends of a pipe, close-on-exec.
int cposix_pipe(int ends[2]);
/// The two ends of a stream between processes, close-on-exec. What blocks on one longer than `seconds` fails with -EAGAIN.
int cposix_stream_pair(int ends[2], int seconds);
/// Makes an inherited stream close-on-exec, with the same bound on what blocks.
int cposix_adopt_stream(int fd, int seconds);
/// Sends all bytes, blocking; 0 or the negated errno.
int cposix_send_all(int fd, const void *bytes, size_t count);
/// Receives so many bytes, blocking: 1, 0 when the stream ends before, or the negated errno.
int cposix_receive_all(int fd, void *bytes, size_t count);
/// Starts a program that gets `fds` as descriptors 3, 4, …, which must have numbers above those. The text of its process
/// id is written into `pid_place`, which points into `environment` and has room for `pid_room` bytes. Returns the process id.
int cposix_start_successor(const char *path, char *const *arguments, char *const *environment, char *pid_place,
                           size_t pid_room, const int *fds, int count);
/// Has the system send SIGTERM to this process when the thread that started it ends; -ESRCH when `parent` is not its parent (any more).
int cposix_end_with_parent(int parent);
/// How a child ended without waiting for it: 0 while it runs, or its wait status plus one.
int cposix_child_status(int pid);
/// Reads one byte: 1, or 0 at the end.
int cposix_read_byte(int fd, uint8_t *byte);
int cposix_write_byte(int fd, uint8_t byte);
