/* A platform that answers at once, and knows what it got: an HTTP/1.1 server in one thread, so that it is never the bottleneck.
 *
 *     answers PORT SMALL LARGE [LOG]
 *
 * It listens on 127.0.0.1. A GET is answered with the file SMALL, or LARGE if its path has LARGE in it; anything else with an envelope
 * without data. A path with /hang/ in it is never answered, one with /slow/ after two seconds. LOG gets a line for each request, when it
 * has come whole: the monotonic clock in nanoseconds, the method, the path, and the digits after "name":"v in its body (0 if there are none).
 * GET /count says how many requests came; SIGUSR1 has the log written out.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_ROOM = 1 << 14, LARGEST = 1 << 24 };
static const int64_t SLOW = 2000000000LL;

typedef struct Connection {
    int socket;
    char *in;
    size_t received, room;
    const char *out;
    size_t to_send, sent;
    /* When a slow answer is due, 0 if none is. */
    int64_t due;
    struct Connection *next_slow;
} Connection;

static char *small, *large, *done;
static size_t small_length, large_length, done_length;
static int poller;
static FILE *record;
static long count;
static Connection *slow_ones;
static char told[256];

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static char *whole_answer(const char *body, size_t length, size_t *whole) {
    char *answer = malloc(length + 256);
    int head = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
    memcpy(answer + head, body, length);
    *whole = head + length;
    return answer;
}

static char *answer_of(const char *path, size_t *whole) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(2); }
    char *body = malloc(LARGEST);
    size_t length = fread(body, 1, LARGEST, file);
    fclose(file);
    char *answer = whole_answer(body, length, whole);
    free(body);
    return answer;
}

static void watch(Connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(poller, operation, connection->socket, &event);
}

static void drop(Connection *connection) {
    for (Connection **at = &slow_ones; *at; at = &(*at)->next_slow)
        if (*at == connection) { *at = connection->next_slow; break; }
    close(connection->socket);
    free(connection->in);
    free(connection);
}

/* Whether the connection is still there. */
static int write_on(Connection *connection) {
    while (connection->sent < connection->to_send) {
        ssize_t sent = send(connection->socket, connection->out + connection->sent, connection->to_send - connection->sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) { watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT); return 1; }
        if (sent <= 0) { drop(connection); return 0; }
        connection->sent += sent;
    }
    return 1;
}

static void write_down(const char *text, size_t line, const char *body, size_t length) {
    count++;
    if (!record) return;
    char *version = memmem(body, length, "\"name\":\"v", 9);
    fprintf(record, "%lld %.*s %ld\n", (long long)now(), (int)line, text, version ? strtol(version + 9, NULL, 10) : 0L);
}

static int answer(Connection *connection, const char *text, size_t line, const char *body, size_t length) {
    int is_get = !memcmp(text, "GET ", 4);
    if (is_get && line >= 10 && !memcmp(text, "GET /count", 10)) {
        if (record) fflush(record);
        char number[32];
        int digits = sprintf(number, "%ld", count);
        connection->to_send = sprintf(told, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", digits, number);
        connection->out = told;
    } else {
        write_down(text, line, body, length);
        if (memmem(text, line, "/hang/", 6)) return 1;
        connection->out = is_get ? (memmem(text, line, "LARGE", 5) ? large : small) : done;
        connection->to_send = is_get ? (connection->out == large ? large_length : small_length) : done_length;
    }
    connection->sent = 0;
    if (memmem(text, line, "/slow/", 6)) {
        connection->due = now() + SLOW;
        connection->next_slow = slow_ones;
        slow_ones = connection;
        return 1;
    }
    return write_on(connection);
}

/* Answer every request that has come whole; whether the connection is still there. */
static int answer_all(Connection *connection) {
    while (connection->received && !connection->due) {
        char *end = memmem(connection->in, connection->received, "\r\n\r\n", 4);
        if (!end) return 1;
        size_t head = end + 4 - connection->in, length = 0;
        *end = 0;
        char *given = strcasestr(connection->in, "\r\ncontent-length:");
        if (given) length = strtoul(given + 17, NULL, 10);
        *end = '\r';
        size_t whole = head + length;
        if (whole + 1 > connection->room) {
            if (whole > LARGEST) { drop(connection); return 0; }
            connection->room = whole + 1;
            connection->in = realloc(connection->in, connection->room);
            return 1;
        }
        if (connection->received < whole) return 1;
        char *line = memmem(connection->in, head, " HTTP/1.", 8);
        if (!line) { drop(connection); return 0; }
        if (!answer(connection, connection->in, line - connection->in, connection->in + head, length)) return 0;
        memmove(connection->in, connection->in + whole, connection->received - whole);
        connection->received -= whole;
    }
    return 1;
}

static void read_on(Connection *connection) {
    for (;;) {
        ssize_t got = recv(connection->socket, connection->in + connection->received, connection->room - connection->received - 1, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) { drop(connection); return; }
        connection->received += got;
        connection->in[connection->received] = 0;
        if (!answer_all(connection)) return;
        if (connection->received + 1 >= connection->room) {
            connection->room *= 2;
            connection->in = realloc(connection->in, connection->room);
        }
    }
}

static void welcome(int listener) {
    int accepted;
    while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int yes = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        Connection *connection = calloc(1, sizeof(Connection));
        *connection = (Connection){.socket = accepted, .in = malloc(FIRST_ROOM), .room = FIRST_ROOM};
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void answer_slow_ones(void) {
    int64_t at = now();
    for (Connection **each = &slow_ones; *each;) {
        Connection *connection = *each;
        if (connection->due > at) { each = &connection->next_slow; continue; }
        *each = connection->next_slow;
        connection->due = 0;
        if (write_on(connection)) answer_all(connection);
        each = &slow_ones;
    }
}

static void write_out(int number) {
    (void)number;
    if (record) fflush(record);
    _exit(0);
}

int main(int given, char **values) {
    if (given < 4) { fprintf(stderr, "answers PORT SMALL LARGE [LOG]\n"); return 1; }
    signal(SIGTERM, write_out);
    small = answer_of(values[2], &small_length);
    large = answer_of(values[3], &large_length);
    const char *envelope = "{\"status_code\":1000,\"timestamp\":\"2026-01-01T00:00:00Z\"}";
    done = whole_answer(envelope, strlen(envelope), &done_length);
    if (given > 4 && !(record = fopen(values[4], "w"))) { perror(values[4]); return 2; }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(values[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) { perror("listen"); return 2; }
    poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(poller, events, 256, slow_ones ? 5 : -1);
        for (int each = 0; each < ready; each++) {
            Connection *connection = events[each].data.ptr;
            if (!connection) { welcome(listener); continue; }
            if (events[each].events & EPOLLOUT) {
                watch(connection, EPOLL_CTL_MOD, EPOLLIN);
                if (!write_on(connection)) continue;
            }
            if (events[each].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) read_on(connection);
        }
        answer_slow_ones();
    }
}
