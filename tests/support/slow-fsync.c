/*
 * A shim for LD_PRELOAD that makes a fast disk slow, watches it, or fills it.
 *
 * The promise under test is "an acknowledgement means the message is on disk". A developer's disk syncs in a fraction of
 * a millisecond, so a server that acknowledges too early is seldom caught there. This shim stands between the server's
 * SQLite and libc:
 *
 *   SLOW_FSYNC_US    microseconds added to every fsync and fdatasync, after the real one and before it returns.
 *   SLOW_FSYNC_LOG   an append-only log, a line per event, each line complete before the call returns to its caller:
 *                      write <basename> <offset> <length> <ns>    after a pwrite, pwrite64 or write on a database file
 *                      sync-start <basename> <ns>                 before the real sync
 *                      sync-end <basename> <ns>                   after the real sync and the delay; only if it succeeded
 *                    The offset of a plain write is -1 (the file's own position). A length is what the kernel took.
 *                    Times are CLOCK_MONOTONIC in nanoseconds. White space in a name is written as an underscore.
 *   SLOW_FSYNC_FAIL  a flag file: while it exists, writes to database files fail with ENOSPC and are not logged.
 *
 * A database file is one whose name ends in "-wal" or contains ".db". Children inherit the environment and append to the
 * same log. Calls that bypass libc are not seen; Bun's SQLite does not bypass it.
 *
 * Build: gcc -shared -fPIC -O2 -o slow-fsync.so slow-fsync.c -ldl -lpthread
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The wrapped calls are made as system calls: there is then no window before a lookup of the real function. */

enum { FDS_MAX = 65536, NAME_BYTES_MAX = 128 };
enum { FD_UNKNOWN = 0, FD_OTHER = 1, FD_DATABASE = 2 };

static atomic_uchar fd_kind[FDS_MAX];
static char *fd_name[FDS_MAX]; /* set only for database files; guarded by names_lock */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

static long delay_us = 0;
static int log_fd = -1;
static char *fail_path = NULL;

__attribute__((constructor)) static void slow_fsync_start(void) {
  const char *us = getenv("SLOW_FSYNC_US");
  if (us != NULL) delay_us = strtol(us, NULL, 10);
  const char *fail = getenv("SLOW_FSYNC_FAIL");
  if (fail != NULL && fail[0] != '\0') fail_path = strdup(fail);
  const char *path = getenv("SLOW_FSYNC_LOG");
  if (path == NULL || path[0] == '\0') return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  /* Out of the way of programs that count their descriptors from 3, where the limit allows it. */
  int high = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
  if (high >= 0) {
    syscall(SYS_close, fd);
    fd = high;
  }
  log_fd = fd;
}

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void log_line(const char *line, int length) {
  if (log_fd < 0 || length <= 0) return;
  int saved = errno;
  /* O_APPEND and one write: lines of several threads never mix. */
  ssize_t written = syscall(SYS_write, log_fd, line, (size_t)length);
  (void)written;
  errno = saved;
}

/* Puts the name of the file behind `fd` into `name`, without its folder. */
static void read_name(int fd, char *name) {
  char link[64];
  char path[4096];
  int saved = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (length <= 0) {
    snprintf(name, NAME_BYTES_MAX, "?");
    return;
  }
  path[length] = '\0';
  const char *slash = strrchr(path, '/');
  snprintf(name, NAME_BYTES_MAX, "%.*s", NAME_BYTES_MAX - 1, slash != NULL && slash[1] != '\0' ? slash + 1 : path);
  for (char *c = name; *c != '\0'; c++) {
    if (*c == ' ' || *c == '\n' || *c == '\t' || *c == '\r') *c = '_';
  }
}

static int is_database_name(const char *name) {
  size_t length = strlen(name);
  if (length >= 4 && strcmp(name + length - 4, "-wal") == 0) return 1;
  return strstr(name, ".db") != NULL;
}

static void forget(int fd) {
  if (fd < 0 || fd >= FDS_MAX) return;
  if (atomic_load_explicit(&fd_kind[fd], memory_order_acquire) == FD_UNKNOWN) return;
  pthread_mutex_lock(&names_lock);
  free(fd_name[fd]);
  fd_name[fd] = NULL;
  atomic_store_explicit(&fd_kind[fd], FD_UNKNOWN, memory_order_release);
  pthread_mutex_unlock(&names_lock);
}

/* True for a database file, with its name copied out. */
static int find_database(int fd, char *name) {
  if (fd < 0) return 0;
  if (fd >= FDS_MAX) {
    read_name(fd, name);
    return is_database_name(name);
  }
  int kind = atomic_load_explicit(&fd_kind[fd], memory_order_acquire);
  if (kind == FD_OTHER) return 0;
  pthread_mutex_lock(&names_lock);
  if (fd_name[fd] != NULL) {
    strcpy(name, fd_name[fd]);
    kind = FD_DATABASE;
  } else {
    read_name(fd, name);
    kind = is_database_name(name) ? FD_DATABASE : FD_OTHER;
    if (kind == FD_DATABASE) fd_name[fd] = strdup(name);
    atomic_store_explicit(&fd_kind[fd], (unsigned char)kind, memory_order_release);
  }
  pthread_mutex_unlock(&names_lock);
  return kind == FD_DATABASE;
}

static int disk_is_full(void) {
  if (fail_path == NULL) return 0;
  int saved = errno;
  int there = syscall(SYS_faccessat, AT_FDCWD, fail_path, F_OK) == 0;
  errno = saved;
  return there;
}

static ssize_t write_watched(int fd, const void *bytes, size_t length, off_t offset) {
  char name[NAME_BYTES_MAX];
  int database = (log_fd >= 0 || fail_path != NULL) && find_database(fd, name);
  if (database && disk_is_full()) {
    errno = ENOSPC;
    return -1;
  }
  ssize_t written =
      offset < 0 ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, offset);
  if (database && written >= 0 && log_fd >= 0) {
    char line[NAME_BYTES_MAX + 96];
    int n = snprintf(line, sizeof line, "write %s %lld %lld %lld\n", name, (long long)offset, (long long)written, now_ns());
    log_line(line, n);
  }
  return written;
}

static int sync_watched(int fd, long number) {
  char name[NAME_BYTES_MAX];
  char line[NAME_BYTES_MAX + 64];
  if (log_fd >= 0) {
    read_name(fd, name);
    log_line(line, snprintf(line, sizeof line, "sync-start %s %lld\n", name, now_ns()));
  }
  int result = (int)syscall(number, fd);
  int saved = errno;
  if (delay_us > 0) {
    struct timespec rest = {delay_us / 1000000, (delay_us % 1000000) * 1000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
  }
  if (log_fd >= 0 && result == 0) {
    log_line(line, snprintf(line, sizeof line, "sync-end %s %lld\n", name, now_ns()));
  }
  errno = saved;
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_watched(fd, bytes, length, -1); }

static ssize_t pwrite_checked(int fd, const void *bytes, size_t length, off_t offset) {
  if (offset < 0) {
    errno = EINVAL;
    return -1;
  }
  return write_watched(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite_checked(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  return pwrite_checked(fd, bytes, length, offset);
}

int fsync(int fd) { return sync_watched(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_watched(fd, SYS_fdatasync); }

/* A descriptor's number comes back for another file, so what is known of it ends with close, and with open. */

int close(int fd) {
  if (fd >= 0 && fd == log_fd) return 0; /* a program closing "all descriptors" must not silence the log */
  forget(fd);
  return (int)syscall(SYS_close, fd);
}

static int open_watched(int folder, const char *path, int flags, mode_t mode) {
  int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
  forget(fd);
  return fd;
}

static int wants_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

#define OPEN_BODY(folder, path, flags)         \
  mode_t mode = 0;                             \
  if (wants_mode(flags)) {                     \
    va_list rest;                              \
    va_start(rest, flags);                     \
    mode = (mode_t)va_arg(rest, unsigned int); \
    va_end(rest);                              \
  }                                            \
  return open_watched(folder, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD, path, flags); }

int open64(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD, path, flags); }

int openat(int folder, const char *path, int flags, ...) { OPEN_BODY(folder, path, flags); }

int openat64(int folder, const char *path, int flags, ...) { OPEN_BODY(folder, path, flags); }
