/*
 * supervisor: PID 1 of an execution environment.
 *
 * It starts, signals and reaps the runtime, and gives its Runtime API connections, its log pipes and
 * the container's own figures to the engine: their descriptors, where the stream to it can carry
 * those, and what it reads from them, where it cannot. It parses no HTTP and keeps no state of an
 * invocation: whatever can be decided is decided by the engine.
 *
 * Invariant: bytes a runtime wrote to a log pipe before it sent bytes to the Runtime API reach
 * the engine before those API bytes do, or stand in a pipe that the engine has then. Log boundaries
 * are therefore exact for every runtime.
 *
 * The stream (see docs/design.md, "The channel"): frames of an 8-byte header, big-endian:
 *   u8 type, u8 detail, u16 connection, u32 length, then the payload.
 * To the engine:  H hello   S started   X exited   L log   O open   D data   C close   M measured
 *                 A acknowledged (bytes written to a connection; the engine's window)
 *                 Y ready (a preloaded runtime waits to be told whose it is)
 *                 F frozen work (what was interrupted, where that is certain)
 *                 G gauges (descriptors of the figures' files)   T taps (those of the log pipes)
 * To us:          R run     K signal    D data     C close   M measure   P pause a connection
 *                 B bind (what a preloaded runtime waits for: its variables)
 *                 F freeze everything but us, or thaw it
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    HEADER = 8,
    CHUNK = 64 * 1024,
    OUT_HIGH = 128 * 1024,        /* stop taking from the runtime while this much waits */
    RECEIVED = 256 * 1024,        /* what the kernel keeps of a connection that is not read */
    FRAME_MAX = 16 * 1024 * 1024, /* nothing the engine sends is larger */
    CONNECTIONS = 32,             /* more wait in the listener's queue */
    QUEUE = 1024,
    MAX_WORDS = 4096, /* arguments and environment of a runtime */
    FRAMED_FD = 62,   /* _LAMBDA_TELEMETRY_LOG_FD */
    CLAIM_FD = 63,    /* _WORKBENCH_CLAIM_FD: where a preloaded runtime waits */
    API_PORT = 9001,
    LOOK_MS = 25, /* from a freeze until everything has stopped, and between two looks */
    LOOKS = 5,    /* one with little CPU takes longer */
    WAITERS = 64, /* threads remembered from one freeze to the next */
    PASSED = 4,   /* descriptors with one frame */
};

enum { OUT, ERR, FRAMED, PIPES };

struct buffer {
    uint8_t *bytes;
    size_t start, end, size;
};

struct connection {
    int fd; /* -1: free slot */
    uint16_t id; /* as the engine knows it; never that of one just closed */
    uint8_t closing; /* the engine is done with it; see hang_up */
    uint8_t paused;  /* the engine does not keep up with it */
    uint8_t passed;  /* the engine has its descriptor, and reads and writes it itself */
    struct buffer pending;
    uint32_t unacknowledged; /* bytes written since the last A */
};

#ifndef IDS
#define IDS 65536 /* a test makes do with fewer, to have used them all sooner */
#endif
static uint16_t last_id;
static int channel_in, channel_out, listener, signals;
static int pipes[PIPES] = {-1, -1, -1};
static struct connection connections[CONNECTIONS];
static struct buffer out, in;
static int passes;  /* the engine has the figures' files, and may be given more */
static int tapped;  /* it has the log pipes of this runtime too */
static int claim = -1; /* our end of a preloaded runtime's CLAIM_FD */
static pid_t runtime;
static int ended, end_status, childless;
static uint8_t taken[CHUNK]; /* from a connection, not yet passed on */
static int frozen;
static int looks; /* still to be taken at what the freeze has interrupted */
static int memory_peak, memory_now, memory_events, cpu_usage;

static void leave(int status) {
    kill(-1, SIGKILL);
    _exit(status);
}

static void die(const char *what) {
    dprintf(2, "supervisor: %s: %s\n", what, strerror(errno));
    leave(111);
}

/* --- buffers ------------------------------------------------------------------------------ */

/* Room for `n` more bytes. What was consumed is taken back once it is half of what there is. */
static uint8_t *reserve(struct buffer *b, size_t n) {
    size_t used = b->end - b->start;
    if (b->end + n > b->size && b->start >= used) {
        if (used) memmove(b->bytes, b->bytes + b->start, used);
        b->start = 0;
        b->end = used;
    }
    if (b->end + n > b->size) {
        b->size = b->end + n > 4096 ? (b->end + n) / 2 * 3 : 8192;
        b->bytes = realloc(b->bytes, b->size);
        if (!b->bytes) die("out of memory");
    }
    return b->bytes + b->end;
}

static void consume(struct buffer *b, size_t n) {
    b->start += n;
    if (b->start < b->end) return;
    b->start = b->end = 0;
    if (b->size > CHUNK * 2) { /* give the function its memory back */
        free(b->bytes);
        *b = (struct buffer){0};
    }
}

static size_t waiting(const struct buffer *b) { return b->end - b->start; }

/* --- frames ------------------------------------------------------------------------------- */

static void put_header(uint8_t *at, char type, int detail, int connection, uint32_t length) {
    at[0] = (uint8_t)type;
    at[1] = (uint8_t)detail;
    at[2] = (uint8_t)(connection >> 8);
    at[3] = (uint8_t)connection;
    uint32_t n = htonl(length);
    memcpy(at + 4, &n, 4);
}

static void emit(char type, int detail, int connection, const void *payload, size_t length) {
    uint8_t *at = reserve(&out, HEADER + length);
    put_header(at, type, detail, connection, (uint32_t)length);
    if (length) memcpy(at + HEADER, payload, length);
    out.end += HEADER + length;
}

__attribute__((format(printf, 2, 3))) static void emit_text(char type, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    emit(type, 0, 0, text, (size_t)length);
}

static void flush_out(void) {
    while (waiting(&out)) {
        ssize_t n = write(channel_out, out.bytes + out.start, waiting(&out));
        if (n < 0) {
            if (errno == EAGAIN) return;
            if (errno == EINTR) continue;
            leave(0); /* the engine is gone: so are we */
        }
        consume(&out, (size_t)n);
    }
}

/* A frame and descriptors with it. 0: they cannot be passed, or not now; nothing was sent. */
static int pass(char type, int detail, int connection, const int *descriptors, int count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(PASSED * sizeof(int))];
    } control;
    uint8_t frame[HEADER];
    size_t size = (size_t)count * sizeof(int);
    flush_out();
    if (waiting(&out)) return 0; /* they go with the first byte of the frame, which is not the next */
    put_header(frame, type, detail, connection, 0);
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(&control.header), descriptors, size);
    struct iovec piece = {frame, sizeof frame};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control};
    message.msg_controllen = CMSG_SPACE(size);
    ssize_t n;
    do n = sendmsg(channel_out, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n > 0 && n < HEADER) die("channel"); /* no stream socket takes less */
    return n == HEADER;
}

#define CGROUP "/sys/fs/cgroup/"

/* --- figures ------------------------------------------------------------------------------ */

/* Version 2's file, or version 1's. */
static int open_first(const char *first, const char *second) {
    int fd = open(first, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : open(second, O_RDONLY | O_CLOEXEC);
}

/* The number a file holds, or the one after `key` in it; -1 where that cannot be read. */
static long long number_in(int fd, const char *key) {
    char text[1024];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) return -1;
    text[n] = 0;
    const char *at = text;
    if (key) {
        at = strstr(text, key);
        if (!at) return -1;
        at += strlen(key);
    }
    return atoll(at);
}

static void open_figures(void) {
    memory_peak = open_first(CGROUP "memory.peak", CGROUP "memory/memory.max_usage_in_bytes");
    memory_now = open_first(CGROUP "memory.current", CGROUP "memory/memory.usage_in_bytes");
    memory_events = open_first(CGROUP "memory.events", CGROUP "memory/memory.oom_control");
    cpu_usage = open_first(CGROUP "cpu.stat", CGROUP "cpuacct/cpuacct.usage");
}

/* The engine reads them itself from here on, if it can be given them. */
static void pass_figures(void) {
    const int files[] = {memory_peak, memory_now, memory_events, cpu_usage};
    int present[PASSED], count = 0, which = 0;
    for (int i = 0; i < PASSED; i++) {
        if (files[i] < 0) continue;
        present[count++] = files[i];
        which |= 1 << i;
    }
    passes = count && pass('G', which, 0, present, count);
}

static void emit_figures(void) {
    long long cpu = number_in(cpu_usage, "usage_usec ");
    cpu = cpu >= 0 ? cpu * 1000 : number_in(cpu_usage, NULL);
    const long long figures[] = {number_in(memory_peak, NULL), number_in(memory_now, NULL),
                                 number_in(memory_events, "oom_kill "), cpu};
    uint8_t payload[sizeof figures]; /* big-endian, 8 bytes each */
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)((unsigned long long)figures[i / 8] >> (56 - 8 * (i % 8)));
    emit('M', 0, 0, payload, sizeof payload);
}

/* --- logs --------------------------------------------------------------------------------- */

static void close_pipe(int stream) {
    close(pipes[stream]);
    pipes[stream] = -1;
}

/* Take what stands in the pipe now, and no more: a runtime that never stops writing must not
 * keep its own answer from getting through. */
static void take_logs(int stream) {
    int standing = 0;
    if (pipes[stream] < 0 || ioctl(pipes[stream], FIONREAD, &standing) < 0) return;
    do {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t at = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        uint8_t *frame = reserve(&out, HEADER + 8 + CHUNK);
        ssize_t n = read(pipes[stream], frame + HEADER + 8, CHUNK);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            close_pipe(stream);
            return;
        }
        put_header(frame, 'L', stream, 0, 8 + (uint32_t)n);
        for (int i = 0; i < 8; i++) frame[HEADER + i] = (uint8_t)(at >> (56 - 8 * i));
        out.end += HEADER + 8 + (size_t)n;
        standing -= (int)n;
    } while (standing > 0);
}

/* --- the runtime's connections to 127.0.0.1:9001 -------------------------------------------- */

static void close_connection(int i, int tell) {
    if (connections[i].fd < 0) return;
    if (tell) emit('C', 0, connections[i].id, NULL, 0);
    close(connections[i].fd);
    free(connections[i].pending.bytes);
    connections[i] = (struct connection){.fd = -1};
}

static int slot_of(int id) {
    for (int i = 0; i < CONNECTIONS; i++)
        if (connections[i].fd >= 0 && connections[i].id == id) return i;
    return -1;
}

/* A slot that is free, or whose connection only waits for the runtime to hang up; -1: none. */
static int free_slot(void) {
    int lingering = -1;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (connections[i].fd < 0) return i;
        if (connections[i].closing && !waiting(&connections[i].pending)) lingering = i;
    }
    return lingering;
}

/* How many that were. What the engine is given stays open here too, but is not looked at, so that
 * it is hung up in the same way (see hang_up). */
static int accept_connections(void) {
    int i, fd, on = 1, count = 0;
    while ((i = free_slot()) >= 0) {
        if ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) break;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        close_connection(i, 0);
        do last_id = (last_id + 1) % IDS;
        while (slot_of(last_id) >= 0);
        connections[i].fd = fd;
        connections[i].id = last_id;
        connections[i].passed = tapped && pass('O', 1, last_id, &fd, 1);
        if (!connections[i].passed) emit('O', 0, last_id, NULL, 0);
        count++;
    }
    return count;
}

/* The engine is done with it. What waits is still written, then our half is closed; what comes is
 * thrown away until the runtime closes its own: closing at once would reset the connection, and
 * with it what the runtime has not read yet. */
static void hang_up(int i) {
    connections[i].closing = 1;
    if (!waiting(&connections[i].pending)) shutdown(connections[i].fd, SHUT_WR);
}

/* Its bytes are read before the pipes are looked at: a log line written before them is then in a
 * pipe, and goes first. */
static void take_request_bytes(int i) {
    ssize_t n = read(connections[i].fd, taken, CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0 && connections[i].closing) return;
    for (int stream = 0; stream < PIPES; stream++) take_logs(stream);
    if (n <= 0) {
        close_connection(i, !connections[i].closing);
        return;
    }
    emit_figures();
    emit('D', 0, connections[i].id, taken, (size_t)n);
}

static void write_pending(int i) {
    struct connection *c = &connections[i];
    while (c->fd >= 0 && waiting(&c->pending)) {
        ssize_t n = send(c->fd, c->pending.bytes + c->pending.start, waiting(&c->pending), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) {
            close_connection(i, !c->closing);
            return;
        }
        c->unacknowledged += (uint32_t)n;
        consume(&c->pending, (size_t)n);
    }
    if (c->closing) {
        if (!waiting(&c->pending)) shutdown(c->fd, SHUT_WR);
    } else if (c->unacknowledged >= CHUNK) {
        uint32_t n = htonl(c->unacknowledged);
        emit('A', 0, c->id, &n, 4);
        c->unacknowledged = 0;
    }
}

/* --- freezing ------------------------------------------------------------------------------- */

/* Threads in a timed wait at the latest freeze: one that was frozen goes on waiting in a system call
 * that no longer says which one it was. */
static pid_t waiters[WAITERS];
static int waiter_count;

struct interrupted {
    int computing, waiting, unsettled;
};

static void freeze(int on) {
    if (on == frozen) return;
    frozen = on;
    looks = on ? LOOKS : 0;
    kill(-1, on ? SIGSTOP : SIGCONT);
}

static int read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    if (n <= 0) return 0;
    text[n] = 0;
    return 1;
}

/* The fields of a `stat` file after the name in it, which may hold anything. */
static const char *after_name(const char *text) {
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' ? end + 2 : "?";
}

static int waits_timed(long number, const unsigned long *argument) {
    enum { WAIT = 0, WAIT_BITSET = 9, COMMAND = 0x7f };
    switch (number) {
#ifdef SYS_nanosleep
    case SYS_nanosleep:
#endif
    case SYS_clock_nanosleep:
        return 1;
    case SYS_futex: {
        unsigned long command = argument[1] & COMMAND;
        return (command == WAIT || command == WAIT_BITSET) && argument[3];
    }
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
        return (int)argument[3] > 0;
    }
    return 0;
}

static void look_at_thread(int pid, int tid, const pid_t *before, int count, struct interrupted *found) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
    if (!read_text(path, text, sizeof text)) return;
    char state = *after_name(text);
    if (state == 'Z' || state == 'X') return;
    if (state != 'T' && state != 't') {
        found->unsettled++;
        return;
    }
    long number;
    unsigned long argument[4] = {0};
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    if (!read_text(path, text, sizeof text)) return;
    if (sscanf(text, "%ld %lx %lx %lx %lx", &number, argument, argument + 1, argument + 2, argument + 3) < 2)
        return;
    int waits = waits_timed(number, argument);
    if (number == SYS_restart_syscall)
        for (int i = 0; i < count; i++) waits |= before[i] == tid;
    if (number == -1) found->computing++;
    if (!waits) return;
    found->waiting++;
    if (waiter_count < WAITERS) waiters[waiter_count++] = tid;
}

/* Only what is certain counts. Python has no threads of its own, and its client waits for an event
 * in poll(2), which counts for nobody; a program of one thread is as plain. Every other one may have
 * timers and threads that are its language's and not the function's. */
static void look_at_process(int pid, const pid_t *before, int count, struct interrupted *found) {
    char path[64], text[512];
    int threads = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!read_text(path, text, sizeof text)) return;
    const char *name = strchr(text, '(');
    /* state ppid pgrp session tty tpgid flags 4×faults 4×times priority nice threads */
    sscanf(after_name(text), "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d",
           &threads);
    if (threads != 1 && (!name || strncmp(name + 1, "python", 6))) return;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *all = opendir(path);
    if (!all) return;
    for (struct dirent *each; (each = readdir(all));)
        if (each->d_name[0] != '.') look_at_thread(pid, atoi(each->d_name), before, count, found);
    closedir(all);
}

/* What of the function's the freeze has interrupted. */
static void look(void) {
    static pid_t before[WAITERS];
    struct interrupted found = {0};
    int count = waiter_count;
    memcpy(before, waiters, sizeof before);
    waiter_count = 0;
    DIR *all = opendir("/proc");
    if (!all) return;
    for (struct dirent *each; (each = readdir(all));) {
        int pid = atoi(each->d_name);
        if (pid > 1) look_at_process(pid, before, count, &found);
    }
    closedir(all);
    if (found.unsettled && looks) { /* again, soon */
        memcpy(waiters, before, sizeof before);
        waiter_count = count;
        return;
    }
    looks = 0;
    if (found.computing || found.waiting)
        emit_text('F', "computing=%d waiting=%d", found.computing, found.waiting);
}

/* --- the runtime process -------------------------------------------------------------------- */

static void tell_start_failure(int error) {
    emit_text('X', "code=-1 signal=0 core=0 error=%d", error);
}

/* In the child: become the runtime. Of several programs, joined by ':', the first that exists. */
static int become(char *cwd, char *programs, char **argv, char **environment) {
    int error = ENOENT;
    if (chdir(cwd) < 0) return errno;
    environ = environment;
    for (char *rest = programs, *program; (program = strsep(&rest, ":"));) {
        argv[0] = program;
        if (strchr(program, '/')) execv(program, argv); /* never through a shell, as execvp would */
        else execvp(program, argv);
        if (errno != ENOENT) error = errno;
    }
    return error;
}

static void close_claim(void) {
    if (claim >= 0) close(claim);
    claim = -1;
}

/* A preloaded runtime says that it waits. */
static void take_claim(void) {
    char byte;
    ssize_t n = read(claim, &byte, 1);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) emit('Y', 0, 0, NULL, 0);
    else close_claim(); /* it is dying: its end will be told */
}

/* Tell the preloaded runtime whose it is. Where there is none any more its end is told, or was. */
static void bind_runtime(const uint8_t *payload, size_t length) {
    if (claim < 0) return;
    /* The socket takes more than the engine ever sends, so this is all of it or a broken runtime. */
    ssize_t n = send(claim, payload, length, MSG_NOSIGNAL);
    close_claim();
    if (n == (ssize_t)length) emit_text('S', "pid=%d", runtime);
    else if (runtime) kill(runtime, SIGKILL);
}

static void start_runtime(uint8_t *payload, size_t length) {
    /* cwd, flags, argc, argv..., environment...: each ended by NUL */
    static char *words[MAX_WORDS + 1];
    size_t count = 0;
    payload[length] = 0;
    for (size_t at = 0; at < length && count < MAX_WORDS; at += strlen((char *)payload + at) + 1)
        words[count++] = (char *)payload + at;
    words[count] = NULL;
    size_t argc = count > 3 ? (size_t)atoi(words[2]) : 0;
    if (runtime || argc < 1 || 3 + argc > count) {
        tell_start_failure(runtime ? EBUSY : EINVAL);
        return;
    }
    int ends[PIPES][2], failure[2], pair[2] = {-1, -1};
    if (pipe2(failure, O_CLOEXEC) < 0) die("pipe");
    close_claim();
    if (strchr(words[1], 'p') && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        die("socketpair");
    for (int stream = 0; stream < PIPES; stream++) {
        if (pipes[stream] >= 0) close_pipe(stream);
        if (pipe2(ends[stream], O_CLOEXEC) < 0) die("pipe");
        /* Node's are not blocking: what finds no room fails the function. Twice the usual, and no more:
           all pipes of a user together have a limit, beyond which new ones are tiny. */
        if (stream != FRAMED) fcntl(ends[stream][0], F_SETPIPE_SZ, 128 * 1024);
    }
    childless = frozen = looks = 0;
    runtime = fork();
    if (runtime == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        setsid();
        prctl(PR_SET_DUMPABLE, 1); /* its own files in /proc belong to it again */
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, "1000", 4) == 4) close(fd); /* if memory runs out: it, not us */
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        dup2(null, 0);
        dup2(ends[OUT][1], 1);
        dup2(ends[ERR][1], 2);
        if (strchr(words[1], 'f')) dup2(ends[FRAMED][1], FRAMED_FD);
        if (pair[1] >= 0) dup2(pair[1], CLAIM_FD);
        char **argv = calloc(argc + 1, sizeof *argv);
        if (argv) memcpy(argv, words + 3, argc * sizeof *argv);
        int error = argv ? become(words[0], argv[0], argv, words + 3 + argc) : ENOMEM;
        _exit(write(failure[1], &error, sizeof error) == sizeof error ? 127 : 126);
    }
    for (int stream = 0; stream < PIPES; stream++) {
        close(ends[stream][1]);
        pipes[stream] = ends[stream][0];
        fcntl(pipes[stream], F_SETFL, O_NONBLOCK);
    }
    if (pair[0] >= 0) {
        close(pair[1]);
        claim = pair[0];
        fcntl(claim, F_SETFL, O_NONBLOCK);
    }
    close(failure[1]);
    int error = runtime < 0 ? errno : 0;
    tapped = passes && pass('T', PIPES, 0, pipes, PIPES);
    for (int stream = 0; tapped && stream < PIPES; stream++) close_pipe(stream);
    if (runtime > 0 && read(failure[0], &error, sizeof error) != sizeof error) error = 0;
    close(failure[0]);
    if (error) {
        if (runtime > 0) waitpid(runtime, NULL, 0);
        runtime = 0;
        tell_start_failure(error);
    } else {
        emit_text('S', "pid=%d", runtime);
    }
}

/* The engine stops a container with a signal from outside, whose sender has no number here.
 * The function runs as the same user: what it sends is ignored, and SIGKILL from inside never
 * reaches PID 1. */
static int from_outside(const struct signalfd_siginfo *info) {
    return info->ssi_code == SI_USER && info->ssi_pid == 0;
}

static void reap(void) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD && from_outside(&info)) leave(0);
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == runtime) {
            ended = 1;
            end_status = status;
        }
    childless = pid < 0;
    if (ended && !childless) kill(-1, SIGKILL); /* nothing of it outlives it */
}

/* The end is told only when nothing of it lives and every byte it left behind has been passed on. */
static void tell_end(void) {
    if (!ended || !childless) return;
    do
        for (int i = 0; i < CONNECTIONS; i++) {
            if (connections[i].fd >= 0 && !connections[i].passed) return;
            close_connection(i, !connections[i].closing); /* the engine reads what is left in it */
        }
    while (accept_connections());
    for (int stream = 0; stream < PIPES; stream++)
        while (pipes[stream] >= 0) {
            int standing = 0;
            if (ioctl(pipes[stream], FIONREAD, &standing) < 0 || standing == 0) close_pipe(stream);
            else take_logs(stream);
        }
    close_claim();
    emit_figures();
    int killed = WIFSIGNALED(end_status);
    emit_text('X', "code=%d signal=%d core=%d error=0", killed ? -1 : WEXITSTATUS(end_status),
              killed ? WTERMSIG(end_status) : 0, killed && WCOREDUMP(end_status));
    ended = frozen = looks = 0;
    runtime = 0;
}

/* --- what the engine asks ------------------------------------------------------------------- */

static void obey(const uint8_t *header, uint8_t *payload, uint32_t length) {
    int id = header[2] << 8 | header[3], slot;
    switch (header[0]) {
    case 'R':
        start_runtime(payload, length);
        break;
    case 'B':
        bind_runtime(payload, length);
        break;
    case 'K':
        if (id == 1) kill(-1, header[1]);
        else if (runtime && !ended) kill(runtime, header[1]);
        break;
    case 'D':
        if ((slot = slot_of(id)) >= 0) {
            struct buffer *pending = &connections[slot].pending;
            memcpy(reserve(pending, length), payload, length);
            pending->end += length;
            write_pending(slot);
        }
        break;
    case 'C':
        if ((slot = slot_of(id)) >= 0) hang_up(slot);
        break;
    case 'P':
        if ((slot = slot_of(id)) >= 0) connections[slot].paused = header[1];
        break;
    case 'F':
        freeze(header[1]);
        break;
    case 'M':
        emit_figures();
        break;
    default:
        errno = EPROTO;
        die("frame");
    }
}

static void take_orders(void) {
    for (;;) {
        uint8_t *at = reserve(&in, CHUNK + 1);
        ssize_t n = read(channel_in, at, CHUNK);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) leave(0);
        in.end += (size_t)n;
        while (waiting(&in) >= HEADER) {
            uint8_t *header = in.bytes + in.start;
            uint32_t length;
            memcpy(&length, header + 4, 4);
            length = ntohl(length);
            if (length > FRAME_MAX) {
                errno = EPROTO;
                die("frame");
            }
            if (waiting(&in) < HEADER + length) {
                reserve(&in, HEADER + length - waiting(&in) + 1);
                break;
            }
            uint8_t *payload = header + HEADER, next = payload[length]; /* room: see reserve below */
            obey(header, payload, length);
            payload[length] = next;
            consume(&in, HEADER + length);
        }
        if (n < CHUNK) break;
    }
}

/* --- the loop ------------------------------------------------------------------------------- */

static void open_channel(const char *path) {
    if (path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof address.sun_path) {
            errno = ENAMETOOLONG;
            die(path);
        }
        strcpy(address.sun_path, path);
        channel_in = channel_out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(channel_in, (struct sockaddr *)&address, sizeof address) < 0) die(path);
    } else { /* attached: from another kernel we are reached through our own stdin and stdout */
        channel_in = fcntl(0, F_DUPFD_CLOEXEC, 3);
        channel_out = fcntl(1, F_DUPFD_CLOEXEC, 3);
        fcntl(channel_out, F_SETFL, O_NONBLOCK);
    }
    fcntl(channel_in, F_SETFL, O_NONBLOCK);
}

static void open_listener(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(API_PORT)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, size = RECEIVED;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Bounds what a dead runtime leaves in its connections, all of which is passed on. */
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("127.0.0.1:9001");
    if (listen(listener, QUEUE) < 0) die("127.0.0.1:9001");
}

static void open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    /* That a child was frozen or thawed is no news. */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP}, NULL);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Wait for something and deal with all of it. What comes from the runtime is left where it is
 * while too much waits to be sent: the runtime then blocks, and nothing is lost. */
static void turn(void) {
    enum { CHANNEL_IN, CHANNEL_OUT, SIGNALS, LISTENER, CLAIM, FIRST_PIPE, FIRST = FIRST_PIPE + PIPES };
    struct pollfd at[FIRST + CONNECTIONS];
    short more = waiting(&out) < OUT_HIGH ? POLLIN : 0;
    short room = waiting(&out) ? POLLOUT : 0;
    at[CHANNEL_IN] = (struct pollfd){channel_in, POLLIN, 0};
    at[CHANNEL_OUT] = (struct pollfd){room ? channel_out : -1, room, 0};
    at[SIGNALS] = (struct pollfd){signals, POLLIN, 0};
    at[LISTENER] = (struct pollfd){free_slot() < 0 ? -1 : listener, more, 0};
    at[CLAIM] = (struct pollfd){claim, POLLIN, 0};
    for (int s = 0; s < PIPES; s++)
        at[FIRST_PIPE + s] = (struct pollfd){more ? pipes[s] : -1, POLLIN, 0};
    for (int i = 0; i < CONNECTIONS; i++) {
        const struct connection *c = &connections[i];
        short events = c->closing ? POLLIN : c->passed || (c->paused && !ended) ? 0 : more;
        if (waiting(&c->pending)) events |= POLLOUT;
        at[FIRST + i] = (struct pollfd){events ? c->fd : -1, events, 0};
    }
    int ready = poll(at, FIRST + CONNECTIONS, looks ? LOOK_MS : -1);
    if (ready < 0) {
        if (errno == EINTR) return;
        die("poll");
    }
    if (ready == 0) {
        looks--;
        look();
        return;
    }
    if (at[CHANNEL_IN].revents) take_orders();
    if (at[CLAIM].revents && claim == at[CLAIM].fd) take_claim();
    if (at[SIGNALS].revents) reap();
    for (int s = 0; s < PIPES; s++)
        if (at[FIRST_PIPE + s].revents && pipes[s] == at[FIRST_PIPE + s].fd) take_logs(s);
    for (int i = 0; i < CONNECTIONS; i++) {
        const struct pollfd *c = &at[FIRST + i];
        if (c->revents & POLLOUT && connections[i].fd == c->fd) write_pending(i);
        int room_for_more = connections[i].closing || waiting(&out) < OUT_HIGH;
        if (c->revents & ~POLLOUT && c->events & POLLIN && connections[i].fd == c->fd && room_for_more)
            take_request_bytes(i);
    }
    if (at[LISTENER].revents) accept_connections();
}

int main(int argc, char **argv) {
    if (getpid() != 1) {
        fprintf(stderr, "supervisor: runs as PID 1 of an execution environment only\n");
        return 2;
    }
    prctl(PR_SET_DUMPABLE, 0); /* the function runs as the same user: it may not look inside */
    mallopt(M_MMAP_THRESHOLD, CHUNK); /* large buffers go back to the function when they are freed */
    open_signals();
    open_channel(argc > 1 && strcmp(argv[1], "-") ? argv[1] : NULL);
    /* "hold": nothing will run here; whoever joins this network namespace listens there itself. */
    const char *how = argc > 2 ? argv[2] : "";
    if (!strcmp(how, "hold")) listener = -1;
    else open_listener();
    for (int i = 0; i < CONNECTIONS; i++) connections[i].fd = -1;
    open_figures();
    if (!strcmp(how, "pass")) pass_figures();
    emit_text('H', "protocol=1");
    for (;;) {
        tell_end();
        flush_out();
        turn();
    }
}
