#define _GNU_SOURCE
#include "CPosix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RETRIED(call)                                  \
    do {                                               \
        ssize_t result_ = (call);                      \
        if (result_ >= 0) return result_;              \
    } while (errno == EINTR);                          \
    return -errno

int cposix_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int epoll_add(int epoll, int fd, uint64_t token, uint32_t events) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int cposix_epoll_add_stream(int epoll, int fd, uint64_t token) {
    return epoll_add(epoll, fd, token, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int cposix_epoll_add_listener(int epoll, int fd, uint64_t token) {
    return epoll_add(epoll, fd, token, EPOLLIN | EPOLLEXCLUSIVE);
}

int cposix_epoll_remove(int epoll, int fd) {
    struct epoll_event unused = {0};
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &unused) < 0 ? -errno : 0;
}

static uint32_t readiness_of(uint32_t events) {
    uint32_t readiness = 0;
    if (events & EPOLLIN) readiness |= CPOSIX_READABLE;
    if (events & EPOLLOUT) readiness |= CPOSIX_WRITABLE;
    if (events & EPOLLRDHUP) readiness |= CPOSIX_PEER_CLOSED | CPOSIX_READABLE;
    if (events & (EPOLLERR | EPOLLHUP)) readiness |= CPOSIX_FAILED | CPOSIX_READABLE | CPOSIX_WRITABLE;
    return readiness;
}

int cposix_epoll_poll(int epoll, cposix_event *events, int count, int milliseconds) {
    struct epoll_event ready[CPOSIX_EVENTS_MAX];
    int wanted = count < CPOSIX_EVENTS_MAX ? count : CPOSIX_EVENTS_MAX;
    int found;
    do found = epoll_wait(epoll, ready, wanted, milliseconds);
    while (found < 0 && errno == EINTR);
    if (found < 0) return -errno;
    for (int i = 0; i < found; i++) {
        events[i].token = ready[i].data.u64;
        events[i].readiness = readiness_of(ready[i].events);
    }
    return found;
}

int cposix_wake_create(int epoll, uint64_t token) {
    int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake < 0) return -errno;
    int result = epoll_add(epoll, wake, token, EPOLLIN | EPOLLET);
    if (result < 0) close(wake);
    return result < 0 ? result : wake;
}

// Edge-triggered, so it is never read: each write is an event, and 2^64 writes do not happen.
void cposix_wake(int wake) {
    uint64_t one = 1;
    ssize_t ignored = write(wake, &one, sizeof one);
    (void)ignored;
}

static socklen_t to_system(const cposix_address *from, struct sockaddr_storage *to) {
    memset(to, 0, sizeof *to);
    if (from->version == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(from->port);
        memcpy(&v4->sin_addr, from->bytes, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(from->port);
    v6->sin6_scope_id = from->scope;
    memcpy(&v6->sin6_addr, from->bytes, 16);
    return sizeof *v6;
}

static int from_system(const struct sockaddr *from, cposix_address *to) {
    memset(to, 0, sizeof *to);
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        to->version = 4;
        to->port = ntohs(v4->sin_port);
        memcpy(to->bytes, &v4->sin_addr, 4);
        return 0;
    }
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        to->version = 6;
        to->port = ntohs(v6->sin6_port);
        to->scope = v6->sin6_scope_id;
        memcpy(to->bytes, &v6->sin6_addr, 16);
        return 0;
    }
    if (from->sa_family == AF_UNIX) {
        to->version = 4;
        to->bytes[0] = 127;
        to->bytes[3] = 1;
        return 0;
    }
    return -EAFNOSUPPORT;
}

static int closing(int fd) {
    int error = errno;
    close(fd);
    return -error;
}

static int stream_socket(const cposix_address *address) {
    int family = address->version == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int cposix_listen(const cposix_address *address, int backlog) {
    int fd = stream_socket(address);
    if (fd < 0) return fd;
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return closing(fd);
    if (address->version == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) return closing(fd);
    struct sockaddr_storage storage;
    socklen_t length = to_system(address, &storage);
    if (bind(fd, (struct sockaddr *)&storage, length) < 0) return closing(fd);
    if (listen(fd, backlog) < 0) return closing(fd);
    return fd;
}

static int local_address_of(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memcpy(address->sun_path, path, length);
    return 0;
}

int cposix_unlink_socket(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0) return -errno;
    if (!S_ISSOCK(status.st_mode)) return -EADDRINUSE;
    return unlink(path) < 0 ? -errno : 0;
}

// What a process that was killed has left behind refuses connections.
static int remove_dead_socket(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
    close(fd);
    return result == -ECONNREFUSED ? cposix_unlink_socket(address->sun_path) : -EADDRINUSE;
}

int cposix_listen_path(const char *path, unsigned mode, int backlog) {
    struct sockaddr_un address;
    int result = local_address_of(path, &address);
    if (result < 0) return result;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        if (errno != EADDRINUSE) return closing(fd);
        result = remove_dead_socket(&address);
        if (result < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
            if (result < 0) errno = -result;
            return closing(fd);
        }
    }
    // Nobody is let in before the mode is right: connections are refused until it listens.
    if (chmod(path, mode) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        unlink(path);
        close(fd);
        return -error;
    }
    return fd;
}

int cposix_local_path(int fd, char *path, size_t count) {
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return -errno;
    if (address.sun_family != AF_UNIX) return -EAFNOSUPPORT;
    if (address.sun_path[0] == 0 || count == 0) return 0;
    size_t size = strnlen(address.sun_path, sizeof address.sun_path);
    if (size >= count) return -ENAMETOOLONG;
    memcpy(path, address.sun_path, size);
    path[size] = 0;
    return (int)size;
}

static void without_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int cposix_accept(int listener, cposix_address *peer) {
    struct sockaddr_storage storage;
    for (;;) {
        socklen_t length = sizeof storage;
        int fd = accept4(listener, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            from_system((struct sockaddr *)&storage, peer);
            without_delay(fd);
            return fd;
        }
        if (errno != EINTR) return -errno;
    }
}

int cposix_connect(const cposix_address *address) {
    int fd = stream_socket(address);
    if (fd < 0) return fd;
    without_delay(fd);
    struct sockaddr_storage storage;
    socklen_t length = to_system(address, &storage);
    // An interrupted connect goes on by itself; calling it again would answer EALREADY.
    if (connect(fd, (struct sockaddr *)&storage, length) < 0 && errno != EINPROGRESS && errno != EINTR)
        return closing(fd);
    return fd;
}

int cposix_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return -error;
}

int cposix_local_address(int fd, cposix_address *address) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    return from_system((struct sockaddr *)&storage, address);
}

int cposix_is_stale(int fd) {
    char byte;
    ssize_t count = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (count >= 0) return 1;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : 1;
}

int cposix_unacknowledged(int fd) {
    int count = 0;
    return ioctl(fd, SIOCOUTQ, &count) < 0 ? -errno : count;
}

ssize_t cposix_receive(int fd, void *bytes, size_t count) {
    RETRIED(recv(fd, bytes, count, 0));
}

ssize_t cposix_peek(int fd, void *bytes, size_t count) {
    RETRIED(recv(fd, bytes, count, MSG_PEEK));
}

ssize_t cposix_send(int fd, const void *bytes, size_t count) {
    RETRIED(send(fd, bytes, count, MSG_NOSIGNAL));
}

ssize_t cposix_send2(int fd, const void *first, size_t first_count, const void *second, size_t second_count) {
    struct iovec parts[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    RETRIED(sendmsg(fd, &message, MSG_NOSIGNAL));
}

int cposix_shutdown_write(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

int cposix_duplicate(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

// Linux has released the descriptor even when close answers EINTR: it must not be called again.
void cposix_close(int fd) { close(fd); }

void cposix_abort(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

int cposix_address_parse(const char *text, uint16_t port, cposix_address *address) {
    memset(address, 0, sizeof *address);
    address->port = port;
    if (inet_pton(AF_INET, text, address->bytes) == 1) {
        address->version = 4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, address->bytes) == 1) {
        address->version = 6;
        return 0;
    }
    return -EINVAL;
}

int cposix_address_format(const cposix_address *address, char *text, size_t count) {
    int family = address->version == 4 ? AF_INET : AF_INET6;
    return inet_ntop(family, address->bytes, text, (socklen_t)count) ? 0 : -errno;
}

int cposix_resolve(const char *host, uint16_t port, cposix_address *addresses, int count) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    // A machine with only a loopback interface has no "configured" address: ask again without that filter.
    if (code != 0) {
        hints.ai_flags = 0;
        code = getaddrinfo(host, NULL, &hints, &found);
    }
    if (code != 0) return code < 0 ? code : -code;
    int filled = 0;
    for (struct addrinfo *each = found; each && filled < count; each = each->ai_next) {
        if (from_system(each->ai_addr, &addresses[filled]) == 0) addresses[filled++].port = port;
    }
    freeaddrinfo(found);
    return filled;
}

const char *cposix_resolve_reason(int code) { return gai_strerror(code); }

uint64_t cposix_monotonic(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t cposix_thread_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int64_t cposix_idle_time(void) {
    int file = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    char text[64];
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0) return -1;
    text[count] = 0;
    long long seconds, hundredths;
    if (sscanf(text, "%*s %lld.%2lld", &seconds, &hundredths) != 2) return -1;
    return (seconds * 100 + hundredths) * 10000000;
}

int64_t cposix_wall_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec;
}
