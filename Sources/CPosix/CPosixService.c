#define _GNU_SOURCE
#include "CPosixService.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int cposix_notify(const char *path, const char *text, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length < 2 || length > sizeof address.sun_path) return -EINVAL;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent;
    do sent = sendto(fd, text, count, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
    while (sent < 0 && errno == EINTR);
    int result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

int cposix_adopt_listener(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) < 0) return -errno;
    if (!value) return -EINVAL;
    size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) < 0) return -errno;
    if (value != SOCK_STREAM) return -EINVAL;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

int cposix_raise_descriptor_limit(uint64_t *before, uint64_t *after) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    *before = limit.rlim_cur;
    *after = limit.rlim_cur;
    if (limit.rlim_cur == limit.rlim_max) return 0;
    limit.rlim_cur = limit.rlim_max;
    // A sandbox may forbid it; what there is goes on to hold.
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return errno == EPERM ? 0 : -errno;
    *after = limit.rlim_cur;
    return 0;
}

static int number(const char *text, uint32_t *value) {
    char *end;
    if (*text < '0' || *text > '9') return 0;
    errno = 0;
    unsigned long parsed = strtoul(text, &end, 10);
    if (*end || errno || parsed >= UINT32_MAX) return 0;
    *value = (uint32_t)parsed;
    return 1;
}

int cposix_find_user(const char *name, uint32_t *uid, uint32_t *gid) {
    struct passwd entry, *found = NULL;
    char buffer[16384];
    uint32_t id;
    int code = number(name, &id) ? getpwuid_r(id, &entry, buffer, sizeof buffer, &found)
                                 : getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (code) return -code;
    if (found) {
        *uid = found->pw_uid;
        *gid = found->pw_gid;
        return 0;
    }
    // A number without an entry is what containers are given.
    if (!number(name, &id)) return -ENOENT;
    *uid = *gid = id;
    return 0;
}

int cposix_find_group(const char *name, uint32_t *gid) {
    struct group entry, *found = NULL;
    char buffer[16384];
    if (number(name, gid)) return 0;
    int code = getgrnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (code) return -code;
    if (!found) return -ENOENT;
    *gid = found->gr_gid;
    return 0;
}

int cposix_become(const char *name, uint32_t uid, uint32_t gid) {
    gid_t only = gid;
    uint32_t unused;
    int has_entry = !number(name, &unused);
    if ((has_entry ? initgroups(name, gid) : setgroups(1, &only)) < 0) return -errno;
    // The library makes every thread of the process follow.
    if (setresgid(gid, gid, gid) < 0) return -errno;
    if (setresuid(uid, uid, uid) < 0) return -errno;
    if (geteuid() != uid || getuid() != uid || getegid() != gid || getgid() != gid) return -EPERM;
    if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) return -EPERM;
    return 0;
}

int cposix_may_write_directory(const char *path) { return access(path, W_OK | X_OK) < 0 ? -errno : 0; }

int cposix_duplicate_above(int fd, int least) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, least);
    return copy < 0 ? -errno : copy;
}

int cposix_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

static void write_number(char *place, size_t room, unsigned value) {
    char digits[12];
    size_t count = 0;
    do digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    if (count >= room) return;
    for (size_t i = 0; i < count; i++) place[i] = digits[count - 1 - i];
    place[count] = 0;
}

// Between fork and exec of a process with threads only async-signal-safe calls are allowed: nothing here allocates.
static void become_successor(const char *path, char *const *arguments, char *const *environment, char *pid_place,
                             size_t pid_room, const int *fds, int count) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    // SIGHUP, SIGUSR1 and SIGUSR2 stay ignored until the program takes them, and SIGPIPE for good: their default is to end it.
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    for (int i = 0; i < count; i++)
        if (dup2(fds[i], 3 + i) < 0) _exit(126);
#ifdef SYS_close_range
    syscall(SYS_close_range, 3u + (unsigned)count, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
#endif
    write_number(pid_place, pid_room, (unsigned)getpid());
    execve(path, arguments, environment);
    _exit(127);
}

int cposix_start_successor(const char *path, char *const *arguments, char *const *environment, char *pid_place,
                           size_t pid_room, const int *fds, int count) {
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) become_successor(path, arguments, environment, pid_place, pid_room, fds, count);
    return pid;
}

int cposix_end_with_parent(int parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) return -errno;
    // It may have ended before that was asked for.
    return getppid() == parent ? 0 : -ESRCH;
}

int cposix_child_status(int pid) {
    int status = 0;
    pid_t ended;
    do ended = waitpid(pid, &status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    if (ended < 0) return -errno;
    return ended == 0 ? 0 : status + 1;
}

int cposix_read_byte(int fd, uint8_t *byte) {
    ssize_t count;
    do count = read(fd, byte, 1);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : (int)count;
}

int cposix_write_byte(int fd, uint8_t byte) {
    ssize_t count;
    do count = write(fd, &byte, 1);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : (int)count;
}

static int bounded(int fd, int seconds) {
    struct timeval time = {.tv_sec = seconds};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) < 0) return -errno;
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0 ? -errno : 0;
}

int cposix_stream_pair(int ends[2], int seconds) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    int result = bounded(ends[0], seconds);
    return result < 0 ? result : bounded(ends[1], seconds);
}

int cposix_adopt_stream(int fd, int seconds) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    return bounded(fd, seconds);
}

int cposix_send_all(int fd, const void *bytes, size_t count) {
    size_t sent = 0;
    while (sent < count) {
        ssize_t result = send(fd, (const char *)bytes + sent, count - sent, MSG_NOSIGNAL);
        if (result >= 0) sent += (size_t)result;
        else if (errno != EINTR) return -errno;
    }
    return 0;
}

int cposix_receive_all(int fd, void *bytes, size_t count) {
    size_t received = 0;
    while (received < count) {
        ssize_t result = recv(fd, (char *)bytes + received, count - received, 0);
        if (result == 0) return 0;
        if (result > 0) received += (size_t)result;
        else if (errno != EINTR) return -errno;
    }
    return 1;
}

int cposix_bound_heaps(int count) {
#ifdef __GLIBC__
    return mallopt(M_ARENA_MAX, count) == 1 ? 0 : -EINVAL;
#else
    (void)count;
    return -ENOTSUP;
#endif
}

void cposix_heap_use(uint64_t *used, uint64_t *kept) {
    *used = *kept = 0;
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 info = mallinfo2();
    *used = info.uordblks + info.hblkhd;
    *kept = info.fordblks;
#endif
}
