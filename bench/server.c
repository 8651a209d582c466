/* The load server: the Service Management API's operations, answered from the request alone.
 *
 * It keeps nothing about any operation. An operation's id is 32 hex digits: the instant at which it ends, in
 * nanoseconds of CLOCK_MONOTONIC, then its number. A listing's subscription tells a whole population the same way:
 * how many operations, the first instant at which one may end, and over how many milliseconds the ends are spread.
 * bench/load/ids.py is the other end of both spellings.
 *
 * One thread, one epoll set. Keep-alive and pipelining always; TLS where a certificate is given.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

enum {
    CONNECTIONS_MAX = 16384,
    REQUEST_BYTES_MAX = 16384,  /* of one request's head; a longer one ends the connection */
    READ_BYTES = 65536,
    OUT_BYTES_MAX = 1 << 20,    /* over it no further request of this connection is looked at until it has read */
    EVENTS = 256,
    PAGE_MAX = 5000,
};

typedef struct {
    uint64_t delay_ns;          /* between a request and its reply */
    double refuse, cut, reset, redirect;  /* shares of requests: 503, half a reply, RST, 307 */
    uint32_t page;              /* operations on one page of a listing */
    uint64_t lag_ns;            /* how late the listing hears of an ending */
    int depth;                  /* what it says of pipelining; 0 = nothing */
} Knobs;

typedef struct {
    uint64_t requests, running, ended, pages, listed, refused, cut, reset, redirected, strange, connections;
} Counts;

typedef struct {
    char *data;
    size_t length, room, sent;
} Bytes;

typedef struct {
    int fd;
    uint32_t life;              /* tells this connection from an earlier one with the same descriptor */
    int closing;
    uint32_t events;            /* what epoll watches for */
    Bytes in, out;
#ifdef WITH_TLS
    SSL *tls;
#endif
} Connection;

typedef struct Late {           /* a reply that waits for its delay; all delays are equal, so a list keeps the order */
    struct Late *next;
    uint64_t at;
    int fd, closes;
    uint32_t life;
    Bytes bytes;
} Late;

static Knobs knobs = {.page = 100, .depth = 64};
static Counts counts;
static Connection *connections[CONNECTIONS_MAX];
static Late *late_first, *late_last;
static int poller, listener, port;
static uint32_t lives;
static uint64_t chance_state = 88172645463325252ull;
static char date[64];
static volatile sig_atomic_t told_to_end;
#ifdef WITH_TLS
static SSL_CTX *tls;
#endif

static uint64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static double chance(void) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (double)(chance_state >> 11) / (double)(1ull << 53);
}

static void say_date(void) {
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

/* --- bytes --- */

static void reserve(Bytes *bytes, size_t more) {
    if (bytes->length + more <= bytes->room) return;
    bytes->room = (bytes->length + more) * 2;
    bytes->data = realloc(bytes->data, bytes->room);
    if (!bytes->data) abort();
}

static void put(Bytes *bytes, const char *data, size_t length) {
    reserve(bytes, length);
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

#define PUT(bytes, text) put(bytes, text, sizeof(text) - 1)

static void print(Bytes *bytes, const char *format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    put(bytes, text, (size_t)length);
}

static void put_number(Bytes *bytes, size_t number) {
    char digits[20];
    int at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10); while (number /= 10);
    put(bytes, digits + at, sizeof digits - (size_t)at);
}

static void hex16(char *into, uint64_t number) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, number >>= 4) into[i] = digits[number & 15];
}

static void put_dashed(Bytes *bytes, const char *id) {  /* 8-4-4-4-12, as bodies spell an id */
    char text[36];
    memcpy(text, id, 8);
    text[8] = '-';
    memcpy(text + 9, id + 8, 4);
    text[13] = '-';
    memcpy(text + 14, id + 12, 4);
    text[18] = '-';
    memcpy(text + 19, id + 16, 4);
    text[23] = '-';
    memcpy(text + 24, id + 20, 12);
    put(bytes, text, sizeof text);
}

/* Reads so many hex digits and skips dashes; 0 where something else stands there. */
static int read_hex(const char **at, const char *end, int digits, uint64_t *number) {
    *number = 0;
    while (digits && *at < end) {
        char c = *(*at)++;
        if (c == '-') continue;
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0) return 0;
        *number = *number << 4 | (uint64_t)value;
        digits--;
    }
    return digits == 0;
}

/* --- replies --- */

#define NAMESPACES "xmlns=\"http://schemas.microsoft.com/windowsazure\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\""

static void reply(Bytes *out, const char *status, const char *more, const char *body, size_t length) {
    char id[32];
    hex16(id, 0x6c6f6164);
    hex16(id + 16, counts.requests);
    PUT(out, "HTTP/1.1 ");
    put(out, status, strlen(status));
    PUT(out, "\r\nx-ms-request-id: ");
    put(out, id, sizeof id);
    PUT(out, "\r\nDate: ");
    put(out, date, strlen(date));
    PUT(out, "\r\nx-ms-servedbyregion: ussouth3\r\nCache-Control: no-cache\r\n"
             "Server: 1.0.6198.319, (rd_rdfe_stable.160216-1642), Microsoft-HTTPAPI/2.0\r\n"
             "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
             "Content-Type: application/xml; charset=utf-8\r\n");
    if (knobs.depth > 1) {
        PUT(out, "x-ms-rollout-pipelining: ");
        put_number(out, (size_t)knobs.depth);
        PUT(out, "\r\n");
    }
    put(out, more, strlen(more));
    PUT(out, "Content-Length: ");
    put_number(out, length);
    PUT(out, "\r\n\r\n");
    put(out, body, length);
}

static void refuse(Bytes *out, const char *status, const char *code, const char *message) {
    char body[512];
    int length = snprintf(body, sizeof body, "<Error " NAMESPACES "><Code>%s</Code><Message>%s</Message></Error>", code, message);
    reply(out, status, "", body, (size_t)length);
}

static void operation(Bytes *out, const char *id, uint64_t ends_at, uint64_t now) {
    static Bytes body;
    body.length = 0;
    PUT(&body, "<Operation " NAMESPACES "><ID>");
    put_dashed(&body, id);
    if (now < ends_at) {
        counts.running++;
        PUT(&body, "</ID><Status>InProgress</Status></Operation>");
    } else {
        counts.ended++;
        PUT(&body, "</ID><Status>Succeeded</Status><HttpStatusCode>200</HttpStatusCode></Operation>");
    }
    reply(out, "200 OK", "", body.data, body.length);
}

static void listed(Bytes *body, const char *subscription, size_t length, uint64_t number, uint64_t ends_at) {
    char id[32];
    hex16(id, ends_at);
    hex16(id + 16, number);
    PUT(body, "<SubscriptionOperation><OperationId>");
    put_dashed(body, id);
    PUT(body, "</OperationId><OperationObjectId>/");
    put(body, subscription, length);
    PUT(body, "/services/hostedservices/svc-0001/deployments/svc-0001-production</OperationObjectId>"
              "<OperationName>WalkUpgradeDomain</OperationName><OperationParameters>"
              "<OperationParameter xmlns:a=\"http://schemas.datacontract.org/2004/07/Microsoft.WindowsAzure.ServiceManagement\">"
              "<a:Name>subscriptionID</a:Name><a:Value>");
    put(body, subscription, length);
    PUT(body, "</a:Value></OperationParameter></OperationParameters><OperationCaller>"
              "<UsedServiceManagementApi>true</UsedServiceManagementApi><ClientIP>127.0.0.1</ClientIP></OperationCaller>"
              "<OperationStatus><ID>");
    put_dashed(body, id);
    PUT(body, "</ID><Status>InProgress</Status></OperationStatus>"
              "<OperationStartedTime>2016-02-18T01:33:03Z</OperationStartedTime></SubscriptionOperation>");
}

/* One page of a population's operations that are still in progress as far as the listing knows, from a number on. */
static void listing(Bytes *out, const char *subscription, size_t length, uint64_t from, uint64_t now) {
    static Bytes body;
    const char *at = subscription, *end = subscription + length;
    uint64_t count, base, window;
    body.length = 0;
    if (!read_hex(&at, end, 8, &count) || !read_hex(&at, end, 16, &base) || !read_hex(&at, end, 8, &window)) {
        refuse(out, "400 Bad Request", "BadRequest", "The subscription names no population.");
        return;
    }
    counts.pages++;
    PUT(&body, "<SubscriptionOperationCollection " NAMESPACES "><SubscriptionOperations>");
    uint32_t shown = 0;
    for (; from < count && shown < knobs.page; from++) {
        uint64_t spread = (uint32_t)(from * 2654435761u);
        uint64_t ends_at = base + (uint64_t)((unsigned __int128)spread * (window * 1000000ull) >> 32);
        if (ends_at + knobs.lag_ns <= now) continue;
        listed(&body, subscription, length, from, ends_at);
        shown++;
    }
    counts.listed += shown;
    PUT(&body, "</SubscriptionOperations>");
    if (from < count) print(&body, "<ContinuationToken>%llu</ContinuationToken>", (unsigned long long)from);
    PUT(&body, "</SubscriptionOperationCollection>");
    reply(out, "200 OK", "", body.data, body.length);
}

static void statistics(Bytes *out) {
    char body[1024];
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    int length = snprintf(body, sizeof body,
        "{\"requests\":%llu,\"running\":%llu,\"ended\":%llu,\"pages\":%llu,\"listed\":%llu,\"refused\":%llu,\"cut\":%llu,"
        "\"reset\":%llu,\"redirected\":%llu,\"strange\":%llu,\"connections\":%llu,\"cpu_s\":%.6f}",
        (unsigned long long)counts.requests, (unsigned long long)counts.running, (unsigned long long)counts.ended,
        (unsigned long long)counts.pages, (unsigned long long)counts.listed, (unsigned long long)counts.refused,
        (unsigned long long)counts.cut, (unsigned long long)counts.reset, (unsigned long long)counts.redirected,
        (unsigned long long)counts.strange, (unsigned long long)counts.connections, cpu);
    reply(out, "200 OK", "", body, (size_t)length);
}

/* Answers one GET by its path: /<subscription>/operations/<id> or /<subscription>/operations?... */
static void answer(Bytes *out, const char *path, size_t length) {
    static const char middle[] = "/operations";
    const char *end = path + length, *slash = memchr(path + 1, '/', length - 1);
    uint64_t now = monotonic_ns();
    if (slash && (size_t)(end - slash) > sizeof middle - 1 && !memcmp(slash, middle, sizeof middle - 1)) {
        const char *rest = slash + sizeof middle - 1, *at = rest + 1;
        uint64_t ends_at, number;
        if (*rest == '?') {
            const char *token = memmem(rest, (size_t)(end - rest), "ContinuationToken=", 18);
            uint64_t from = token ? strtoull(token + 18, NULL, 10) : 0;
            listing(out, path + 1, (size_t)(slash - path - 1), from, now);
            return;
        }
        if (end - at == 32 && read_hex(&at, end, 16, &ends_at) && read_hex(&at, end, 16, &number)) {
            operation(out, rest + 1, ends_at, now);
            return;
        }
    }
    counts.strange++;
    refuse(out, "404 Not Found", "ResourceNotFound", "The operation request ID was not found.");
}

/* --- connections --- */

static void drop(Connection *each, int reset) {
    if (reset) {
        struct linger now = {1, 0};
        setsockopt(each->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
#ifdef WITH_TLS
    if (each->tls) SSL_free(each->tls);
#endif
    close(each->fd);
    connections[each->fd] = NULL;
    free(each->in.data);
    free(each->out.data);
    free(each);
}

/* Watches for room while something is to be sent, and for requests unless too much is to be sent. */
static void watch(Connection *each) {
    uint32_t events = (each->out.length ? EPOLLOUT : 0) | (each->out.length < OUT_BYTES_MAX ? EPOLLIN : 0);
    if (each->events == events) return;
    each->events = events;
    struct epoll_event event = {.events = events, .data.fd = each->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, each->fd, &event);
}

/* Gives what read and write give; -1 with EAGAIN where the socket is not ready, anything else ends the connection. */
static ssize_t receive(Connection *each, char *into, size_t room) {
#ifdef WITH_TLS
    if (each->tls) {
        ERR_clear_error();
        int got = SSL_read(each->tls, into, (int)room);
        if (got > 0) return got;
        int why = SSL_get_error(each->tls, got);
        errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
        return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    }
#endif
    return read(each->fd, into, room);
}

static ssize_t send_some(Connection *each, const char *from, size_t length) {
#ifdef WITH_TLS
    if (each->tls) {
        ERR_clear_error();
        int sent = SSL_write(each->tls, from, (int)length);
        if (sent > 0) return sent;
        int why = SSL_get_error(each->tls, sent);
        errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
        return -1;
    }
#endif
    return write(each->fd, from, length);
}

/* Sends what it can; 0 = the connection is gone. */
static int flush(Connection *each) {
    Bytes *out = &each->out;
    while (out->sent < out->length) {
        ssize_t sent = send_some(each, out->data + out->sent, out->length - out->sent);
        if (sent < 0 && errno == EAGAIN) {
            watch(each);
            return 1;
        }
        if (sent <= 0) {
            drop(each, 0);
            return 0;
        }
        out->sent += (size_t)sent;
    }
    out->length = out->sent = 0;
    if (each->closing) {
        drop(each, 0);
        return 0;
    }
    watch(each);
    return 1;
}

static void delay(Connection *each, Bytes *bytes, int closes) {
    Late *late = calloc(1, sizeof *late);
    if (!late) abort();
    *late = (Late){.at = monotonic_ns() + knobs.delay_ns, .fd = each->fd, .life = each->life, .closes = closes};
    put(&late->bytes, bytes->data, bytes->length);
    if (late_last) late_last->next = late;
    else late_first = late;
    late_last = late;
}

/* Answers the whole requests that have arrived, as long as there is room; 0 = the connection is gone. */
static int answer_some(Connection *each) {
    static Bytes one;
    Bytes *in = &each->in;
    size_t at = 0;
    while (!each->closing && each->out.length < OUT_BYTES_MAX) {
        char *begin = in->data + at, *head_end = memmem(begin, in->length - at, "\r\n\r\n", 4);
        if (!head_end) break;
        char *path = begin + 4, *path_end = memchr(path, ' ', (size_t)(head_end - begin) > 4 ? (size_t)(head_end - path) : 0);
        at = (size_t)(head_end + 4 - in->data);
        if (memcmp(begin, "GET /", 5) || !path_end) {
            drop(each, 0);
            return 0;
        }
        size_t length = (size_t)(path_end - path);
        if (length == 17 && !memcmp(path, "/_load/statistics", 17)) {  /* at once, never spoilt, not counted */
            statistics(&each->out);
            continue;
        }
        counts.requests++;
        Bytes *out = knobs.delay_ns ? &one : &each->out;
        if (knobs.delay_ns) one.length = 0;
        size_t before = out->length;
        int closes = 0;
        double drawn = knobs.refuse + knobs.cut + knobs.reset + knobs.redirect > 0 ? chance() : 1.0;
        if ((drawn -= knobs.reset) < 0) {
            counts.reset++;
            drop(each, 1);
            return 0;
        } else if ((drawn -= knobs.refuse) < 0) {
            counts.refused++;
            refuse(out, "503 Service Unavailable", "TooManyRequests", "Too many requests received. Retry after some time.");
        } else if ((drawn -= knobs.redirect) < 0) {
            char more[1024];
            counts.redirected++;
            snprintf(more, sizeof more, "Location: http://localhost:%d%.*s\r\n", port, (int)length, path);
            reply(out, "307 Temporary Redirect", more, "", 0);
        } else {
            answer(out, path, length);
            if ((drawn -= knobs.cut) < 0) {
                counts.cut++;
                out->length -= (out->length - before) / 4;  /* heads are shorter than three quarters of a reply */
                closes = 1;
            }
        }
        if (knobs.delay_ns) delay(each, &one, closes);
        else each->closing = closes;
    }
    memmove(in->data, in->data + at, in->length - at);
    in->length -= at;
    return 1;
}

/* Answers and sends until either has to wait; 0 = the connection is gone. */
static int serve(Connection *each) {
    size_t before;
    do {
        before = each->in.length;
        if (!answer_some(each) || (each->out.length && !flush(each))) return 0;
    } while (each->in.length && each->in.length < before && each->out.length < OUT_BYTES_MAX);
    return 1;
}

static void hear(Connection *each) {
    for (;;) {
        reserve(&each->in, READ_BYTES);
        ssize_t got = receive(each, each->in.data + each->in.length, each->in.room - each->in.length);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            drop(each, 0);
            return;
        }
        each->in.length += (size_t)got;
        if (!serve(each) || each->out.length >= OUT_BYTES_MAX) return;
        if (each->in.length > REQUEST_BYTES_MAX) {
            drop(each, 0);
            return;
        }
#ifdef WITH_TLS
        if (each->tls) continue;  /* what TLS holds back makes no event */
#endif
        return;
    }
}

static void take(void) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0) return;
        if (fd >= CONNECTIONS_MAX) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Connection *each = calloc(1, sizeof *each);
        if (!each) abort();
        each->fd = fd;
        each->life = ++lives;
#ifdef WITH_TLS
        if (tls) {
            each->tls = SSL_new(tls);
            SSL_set_fd(each->tls, fd);
            SSL_set_accept_state(each->tls);
        }
#endif
        connections[fd] = each;
        counts.connections++;
        each->events = EPOLLIN;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Hands out the replies whose delay is over, and gives the milliseconds until the next one. */
static int release(void) {
    uint64_t now = monotonic_ns();
    while (late_first && late_first->at <= now) {
        Late *late = late_first;
        late_first = late->next;
        if (!late_first) late_last = NULL;
        Connection *each = connections[late->fd];
        if (each && each->life == late->life) {
            put(&each->out, late->bytes.data, late->bytes.length);
            each->closing |= late->closes;
            flush(each);
        }
        free(late->bytes.data);
        free(late);
    }
    return late_first ? (int)((late_first->at - now) / 1000000) + 1 : 500;
}

/* --- the process --- */

static void end(int signal_number) {
    (void)signal_number;
    told_to_end = 1;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void listen_on(int wanted) {
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)wanted)};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    port = ntohs(address.sin_port);
}

static void secure(const char *certificate, const char *client_ca) {
#ifdef WITH_TLS
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(tls, certificate, SSL_FILETYPE_PEM) != 1
        || (client_ca && SSL_CTX_load_verify_locations(tls, client_ca, NULL) != 1)) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    if (client_ca) SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
#else
    (void)certificate;
    (void)client_ca;
    fputs("built without TLS\n", stderr);
    exit(1);
#endif
}

static int configure(int count, char **words) {
    int wanted = 0;
    const char *certificate = NULL, *client_ca = NULL;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = words[i], *value = words[i + 1];
        if (!strcmp(name, "--port")) wanted = atoi(value);
        else if (!strcmp(name, "--delay-ms")) knobs.delay_ns = (uint64_t)(atof(value) * 1e6);
        else if (!strcmp(name, "--lag-ms")) knobs.lag_ns = (uint64_t)(atof(value) * 1e6);
        else if (!strcmp(name, "--refuse")) knobs.refuse = atof(value);
        else if (!strcmp(name, "--cut")) knobs.cut = atof(value);
        else if (!strcmp(name, "--reset")) knobs.reset = atof(value);
        else if (!strcmp(name, "--redirect")) knobs.redirect = atof(value);
        else if (!strcmp(name, "--page")) knobs.page = (uint32_t)atoi(value);
        else if (!strcmp(name, "--depth")) knobs.depth = atoi(value);
        else if (!strcmp(name, "--certificate")) certificate = value;
        else if (!strcmp(name, "--client-ca")) client_ca = value;
        else {
            fprintf(stderr, "unknown option %s\n", name);
            exit(64);
        }
    }
    if (knobs.page < 1 || knobs.page > PAGE_MAX) {
        fprintf(stderr, "--page is from 1 to %d\n", PAGE_MAX);
        exit(64);
    }
    if (certificate) secure(certificate, client_ca);
    return wanted;
}

int main(int count, char **words) {
    struct sigaction ending = {.sa_handler = end};
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    sigaction(SIGTERM, &ending, NULL);
    sigaction(SIGINT, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    listen_on(configure(count, words));
    poller = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = listener;
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    printf("listening on %d\n", port);
    fflush(stdout);
    while (!told_to_end) {
        int ready = epoll_wait(poller, events, EVENTS, release());
        say_date();
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                take();
                continue;
            }
            Connection *each = connections[fd];
            if (!each) continue;
            if (events[i].events & EPOLLOUT && !flush(each)) continue;
            if (events[i].events & EPOLLOUT && each->in.length && !serve(each)) continue;
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) hear(each);
        }
    }
    return 0;
}
