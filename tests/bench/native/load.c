/* A load generator for HTTP/1.1 over keep-alive connections: one thread, so many connections, latencies of each
 * class of requests, as JSON on standard output.
 *
 *     load PORT CONNECTIONS SECONDS RATE REQUESTS [tls] [from:NUMBER] [FILE]
 *
 * It asks 127.0.0.1. RATE is in requests a second; 0 sends the next request of a connection as soon as it has the answer of the one
 * before. With a rate, a latency counts from the moment at which the request was due, whether or not a connection was free then.
 * REQUESTS is a file of requests which are sent in turn, each as "CLASS LENGTH\n" and LENGTH bytes; in these, each ######## becomes the
 * number of the request, counted from NUMBER. A good answer has a status of 2xx and the OCPI status code 1000. FILE gets the number of each request with a
 * good answer, a line each, as soon as it is there. A lost connection is a failure, and is opened again.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
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
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CLASSES = 16, MOST_MARKS = 8, BUFFER = 1 << 20, PAUSE_NS = 20000000 };

typedef struct {
    int class_number;
    char *text;
    size_t length;
    size_t marks[MOST_MARKS];
    int mark_count;
} Request;

typedef struct {
    uint32_t *microseconds;
    size_t count, room;
    long failed, lost, unanswered;
} Class;

typedef struct {
    int socket, is_connected, is_busy, class_number;
    void *tls;
    char *out, *in;
    size_t to_send, sent, received;
    /* The length of the whole answer, 0 while its head is not there. */
    size_t expected, head;
    int status;
    long number;
    int64_t due, open_again;
} Connection;

static Request *requests;
static int request_count;
static Class classes[MOST_CLASSES];
static int poller;
static struct sockaddr_in address;
static FILE *good_numbers;
static long next_number;
static size_t largest_request;

/* OpenSSL without its headers: what TLS takes of it. */
static struct {
    void *(*method)(void), *(*make_context)(void *), *(*make)(void *);
    int (*set_socket)(void *, int), (*connect)(void *), (*read)(void *, void *, int), (*write)(void *, const void *, int);
    int (*error)(void *, int);
    void (*drop)(void *);
    void *context;
} tls;

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(2);
}

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void find_tls(void) {
    void *library = dlopen("libssl.so.3", RTLD_NOW);
    if (!library) library = dlopen("libssl.so", RTLD_NOW);
    if (!library) { fprintf(stderr, "load: no OpenSSL: %s\n", dlerror()); exit(3); }
    *(void **)&tls.method = dlsym(library, "TLS_client_method");
    *(void **)&tls.make_context = dlsym(library, "SSL_CTX_new");
    *(void **)&tls.make = dlsym(library, "SSL_new");
    *(void **)&tls.set_socket = dlsym(library, "SSL_set_fd");
    *(void **)&tls.connect = dlsym(library, "SSL_connect");
    *(void **)&tls.read = dlsym(library, "SSL_read");
    *(void **)&tls.write = dlsym(library, "SSL_write");
    *(void **)&tls.error = dlsym(library, "SSL_get_error");
    *(void **)&tls.drop = dlsym(library, "SSL_free");
    tls.context = tls.make_context(tls.method());
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    int class_number;
    size_t length;
    while (fscanf(file, "%d %zu", &class_number, &length) == 2) {
        fgetc(file);
        requests = realloc(requests, sizeof(Request) * (request_count + 1));
        Request *request = &requests[request_count++];
        *request = (Request){.class_number = class_number % MOST_CLASSES, .text = malloc(length + 1), .length = length};
        if (fread(request->text, 1, length, file) != length) fail("the requests end too early");
        request->text[length] = 0;
        if (length > largest_request) largest_request = length;
        for (char *at = request->text; (at = memmem(at, request->text + length - at, "########", 8)); at += 8)
            if (request->mark_count < MOST_MARKS) request->marks[request->mark_count++] = at - request->text;
    }
    fclose(file);
    if (!request_count) { errno = 0; fail("no requests"); }
}

static void took(Class *class, int64_t nanoseconds) {
    if (class->count == class->room) {
        class->room = class->room ? class->room * 2 : 1 << 16;
        class->microseconds = realloc(class->microseconds, class->room * sizeof(uint32_t));
    }
    class->microseconds[class->count++] = nanoseconds / 1000;
}

static void watch(Connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    epoll_ctl(poller, operation, connection->socket, &event);
}

static void connect_now(Connection *connection) {
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->socket < 0) fail("socket");
    int yes = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int is_there = !connect(connection->socket, (struct sockaddr *)&address, sizeof address);
    if (is_there && tls.context) {
        connection->tls = tls.make(tls.context);
        tls.set_socket(connection->tls, connection->socket);
        is_there = tls.connect(connection->tls) == 1;
    }
    if (!is_there) {
        if (connection->tls) tls.drop(connection->tls);
        close(connection->socket);
        connection->tls = NULL;
        connection->socket = -1;
        connection->open_again = now() + PAUSE_NS;
        return;
    }
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    connection->is_connected = 1;
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

static void lose(Connection *connection) {
    if (connection->is_busy) classes[connection->class_number].lost++;
    if (connection->tls) tls.drop(connection->tls);
    close(connection->socket);
    connection->tls = NULL;
    connection->socket = -1;
    connection->is_connected = connection->is_busy = 0;
    connection->open_again = now() + PAUSE_NS;
}

/* How many bytes, 0 for not now, -1 for lost. */
static ssize_t move(Connection *connection, int is_writing, char *bytes, size_t length) {
    if (connection->tls) {
        int count = is_writing ? tls.write(connection->tls, bytes, length) : tls.read(connection->tls, bytes, length);
        if (count > 0) return count;
        int error = tls.error(connection->tls, count);
        return error == 2 || error == 3 ? 0 : -1;
    }
    ssize_t count = is_writing ? send(connection->socket, bytes, length, MSG_NOSIGNAL) : recv(connection->socket, bytes, length, 0);
    if (count > 0) return count;
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void write_on(Connection *connection) {
    while (connection->sent < connection->to_send) {
        ssize_t count = move(connection, 1, connection->out + connection->sent, connection->to_send - connection->sent);
        if (count < 0) { lose(connection); return; }
        if (!count) { watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT); return; }
        connection->sent += count;
    }
}

static void begin(Connection *connection, int64_t due) {
    Request *request = &requests[next_number % request_count];
    memcpy(connection->out, request->text, request->length);
    char digits[16];
    snprintf(digits, sizeof digits, "%08ld", next_number % 100000000);
    for (int each = 0; each < request->mark_count; each++) memcpy(connection->out + request->marks[each], digits, 8);
    connection->number = next_number++;
    connection->class_number = request->class_number;
    connection->to_send = request->length;
    connection->sent = connection->received = connection->expected = 0;
    connection->is_busy = 1;
    connection->due = due;
    write_on(connection);
}

/* Whether the head is there and was understood; -1 for an answer that this program does not read. */
static int read_head(Connection *connection) {
    char *end = memmem(connection->in, connection->received, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    char *length = strcasestr(connection->in, "\r\ncontent-length:");
    if (!length || sscanf(connection->in, "HTTP/1.%*d %d", &connection->status) != 1) return -1;
    connection->head = end + 4 - connection->in;
    connection->expected = connection->head + strtoul(length + 17, NULL, 10);
    return connection->expected < BUFFER ? 1 : -1;
}

static int is_good(Connection *connection) {
    if (connection->status < 200 || connection->status > 299) return 0;
    char *body = connection->in + connection->head, *end = connection->in + connection->expected;
    char *code = memmem(body, end - body, "\"status_code\":", 14);
    if (!code) return 0;
    for (code += 14; code < end && *code == ' ';) code++;
    return end - code > 4 && !memcmp(code, "1000", 4) && (code[4] < '0' || code[4] > '9');
}

static void finish(Connection *connection) {
    Class *class = &classes[connection->class_number];
    if (is_good(connection)) {
        took(class, now() - connection->due);
        if (good_numbers) { fprintf(good_numbers, "%ld\n", connection->number); fflush(good_numbers); }
    } else {
        if (!class->failed) fprintf(stderr, "load: the first answer that is not good: %.1000s\n", connection->in + connection->head);
        class->failed++;
    }
    connection->is_busy = 0;
}

static void read_on(Connection *connection) {
    for (;;) {
        ssize_t count = move(connection, 0, connection->in + connection->received, BUFFER - connection->received);
        if (count < 0) { lose(connection); return; }
        if (!count) return;
        connection->received += count;
        if (!connection->is_busy) { lose(connection); return; }
        if (!connection->expected && read_head(connection) < 0) { lose(connection); return; }
        if (connection->expected && connection->received >= connection->expected) { finish(connection); return; }
    }
}

static int by_size(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return a < b ? -1 : a > b;
}

static uint32_t at_share(Class *class, double share) {
    return class->count ? class->microseconds[(size_t)(share * (class->count - 1))] : 0;
}

static void tell(double seconds) {
    printf("{\"seconds\": %.6f, \"classes\": {", seconds);
    const char *comma = "";
    for (int each = 0; each < MOST_CLASSES; each++) {
        Class *class = &classes[each];
        if (!class->count && !class->failed && !class->lost && !class->unanswered) continue;
        qsort(class->microseconds, class->count, sizeof(uint32_t), by_size);
        printf("%s\"%d\": {\"good\": %zu, \"failed\": %ld, \"lost\": %ld, \"unanswered\": %ld, \"p50\": %u, \"p90\": %u, \"p99\": %u, \"max\": %u}",
               comma, each, class->count, class->failed, class->lost, class->unanswered, at_share(class, 0.5), at_share(class, 0.9),
               at_share(class, 0.99), at_share(class, 1));
        comma = ", ";
    }
    printf("}}\n");
}

int main(int count, char **given) {
    if (count < 6) { fprintf(stderr, "load PORT CONNECTIONS SECONDS RATE REQUESTS [tls] [FILE]\n"); return 1; }
    signal(SIGPIPE, SIG_IGN);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(given[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int connection_count = atoi(given[2]);
    double seconds = atof(given[3]), rate = atof(given[4]);
    read_requests(given[5]);
    for (int each = 6; each < count; each++) {
        if (!strcmp(given[each], "tls")) find_tls();
        else if (!strncmp(given[each], "from:", 5)) next_number = atol(given[each] + 5);
        else if (!(good_numbers = fopen(given[each], "w"))) fail(given[each]);
    }
    poller = epoll_create1(0);
    int clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, clock, &tick);
    Connection *connections = calloc(connection_count, sizeof(Connection));
    for (int each = 0; each < connection_count; each++) {
        connections[each].out = malloc(largest_request + 1);
        connections[each].in = malloc(BUFFER + 1);
        connections[each].socket = -1;
        connect_now(&connections[each]);
    }
    int64_t begun = now(), end = begun + (int64_t)(seconds * 1e9), finished = end;
    double between = rate > 0 ? 1e9 / rate : 0;
    long scheduled = 0;
    struct epoll_event events[256];
    for (;;) {
        int64_t at = now();
        int busy = 0;
        for (int each = 0; each < connection_count; each++) {
            Connection *connection = &connections[each];
            if (connection->socket < 0 && at < end && at >= connection->open_again) connect_now(connection);
            if (connection->is_connected && !connection->is_busy) {
                int64_t due = begun + (int64_t)(scheduled * between);
                if (rate <= 0) { if (at < end) begin(connection, at); }
                else if (due <= at && due < end) {
                    begin(connection, due);
                    scheduled++;
                }
            }
            busy += connection->is_busy;
        }
        /* What was due is sent, also where this program had no processor then; answers are waited for, not for ever. */
        int is_owed = rate > 0 && begun + (int64_t)(scheduled * between) < end;
        if (at >= end && ((!busy && !is_owed) || at >= end + 1000000000LL)) { finished = at; break; }
        int64_t wake = at + 10000000;
        if (rate > 0 && at < end && busy < connection_count) {
            int64_t due = begun + (int64_t)(scheduled * between);
            if (due < wake) wake = due > at ? due : at + 1;
        }
        struct itimerspec when = {.it_value = {.tv_sec = wake / 1000000000, .tv_nsec = wake % 1000000000}};
        timerfd_settime(clock, TFD_TIMER_ABSTIME, &when, NULL);
        int ready = epoll_wait(poller, events, 256, 20);
        for (int each = 0; each < ready; each++) {
            Connection *connection = events[each].data.ptr;
            if (!connection) { uint64_t ticks; if (read(clock, &ticks, sizeof ticks) < 0) continue; continue; }
            if (connection->socket < 0) continue;
            if (events[each].events & EPOLLOUT) {
                watch(connection, EPOLL_CTL_MOD, EPOLLIN);
                write_on(connection);
            }
            if (connection->socket >= 0 && events[each].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
                read_on(connection);
                /* The next one goes at once: the loop above would look at every connection for each answer. */
                if (connection->is_connected && !connection->is_busy && rate <= 0 && now() < end) begin(connection, now());
            }
        }
    }
    for (int each = 0; each < connection_count; each++)
        if (connections[each].is_busy) classes[connections[each].class_number].unanswered++;
    if (finished > end) finished = end;
    tell((finished - begun) / 1e9);
    return 0;
}
