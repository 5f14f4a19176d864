/*
 * Plays a disk that loses what was not synced. Loaded with LD_PRELOAD, it watches the files of one folder.
 *
 * The page cache survives a SIGKILL, so a kill alone never shows a missing fsync. Before a watched file is changed, what
 * stood there is appended to a log beside it; a sync that succeeds empties that log. What is in the log after a kill is
 * what a power cut could have taken, and tests/it/support/undo.rs takes it back: all of it, or some sectors.
 *
 * Names of files are undone likewise until the folder is synced, and that of the folder until the one around it is; an
 * unlinked file is set aside, so that it can return.
 *
 *   UNSYNCED_FOLDER   the folder; paths are compared as they are opened
 *   UNSYNCED_LOGS     another folder, for `<name>.undo`, `names`, `folder`, and the files that the test makes to cause a fault:
 *       fail-sync     the next sync of the file that it names fails with EIO, once; what it should have written is
 *                     lost, as on Linux, even if a later sync succeeds
 *       full          writes fail with ENOSPC
 *       lie           syncs say that they succeeded, and do nothing
 *       kill-at       the process is killed before the change or sync that this number counts to
 *
 * Not watched: `*-shm`, which SQLite builds anew from the files, and memory maps, which it uses for nothing else.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 65536, NAME = 64 };
enum kind { WRITE = 1, SYNCED = 2, FAILED = 3 };

/* Followed by `length` bytes that stood at `offset`. The change reaches `reach` bytes from there. */
struct record {
    uint32_t kind, length;
    uint64_t offset, reach, size;
};

/* What a descriptor is: not watched, the folder itself, the one around it, or a file in it. */
struct watched {
    enum { OTHER, FOLDER, AROUND, FILE_IN_IT } what;
    char name[NAME];
};

static const char *folder, *logs;
static char around[PATH_MAX];
static struct watched watched[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long set_aside;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_open)(const char *, int, ...);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_close)(int);

__attribute__((constructor)) static void begin(void) {
    real_write = REAL(write);
    real_pwrite = REAL(pwrite64);
    real_writev = REAL(writev);
    real_open = REAL(open64);
    real_ftruncate = REAL(ftruncate64);
    real_fsync = REAL(fsync);
    real_close = REAL(close);
    folder = getenv("UNSYNCED_FOLDER");
    logs = getenv("UNSYNCED_LOGS");
    if (!logs) folder = NULL;
    if (folder) snprintf(around, sizeof around, "%.*s", (int)(strrchr(folder, '/') - folder), folder);
    set_aside = (unsigned long)getpid() * 1000;
}

static void fail(const char *what) {
    fprintf(stderr, "unsynced: %s: %s\n", what, strerror(errno));
    abort();
}

/* A file's name if it is a watched one of the folder, else NULL. */
static const char *name_of(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length) || path[length] != '/') return NULL;
    const char *name = path + length + 1;
    size_t rest = strlen(name);
    if (!rest || rest >= NAME || strchr(name, '/')) return NULL;
    return rest > 4 && !strcmp(name + rest - 4, "-shm") ? NULL : name;
}

static struct watched *of(int fd) { return fd >= 0 && fd < FILES && watched[fd].what != OTHER ? &watched[fd] : NULL; }

static const char *log_path(char *path, const char *name) {
    snprintf(path, PATH_MAX, "%s/%s.undo", logs, name);
    return path;
}

static int is_there(const char *fault) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", logs, fault);
    return !access(path, F_OK);
}

/* Reads what the test wrote for a fault; says whether there is one. */
static int asked_for(const char *fault, char *text) {
    char path[PATH_MAX];
    memset(text, 0, NAME);
    snprintf(path, sizeof path, "%s/%s", logs, fault);
    int fd = real_open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    if (read(fd, text, NAME - 1) < 0) fail(path);
    real_close(fd);
    return 1;
}

/* Whether the next sync of this file is to fail. */
static int is_to_fail(const char *name) {
    char named[NAME];
    return asked_for("fail-sync", named) && !strcmp(named, name);
}

/* Holds the lock for a change or a sync, if the process lives to see it. */
static void begin_step(void) {
    static long steps_left;
    char number[NAME], path[PATH_MAX];
    pthread_mutex_lock(&lock);
    if (!steps_left && asked_for("kill-at", number)) {
        steps_left = atol(number);
        snprintf(path, sizeof path, "%s/kill-at", logs);
        REAL(unlink)(path);
    }
    if (steps_left && !--steps_left) kill(getpid(), SIGKILL);
}

/* One write for each entry: a kill in the middle leaves an incomplete one at the end, whose change has not begun. */
static void append(const char *path, const void *entry, size_t length) {
    int fd = real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || real_write(fd, entry, length) != (ssize_t)length) fail(path);
    real_close(fd);
}

static void append_name(const char *log, const char *entry) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", logs, log);
    append(path, entry, strlen(entry));
}

static void forget_names(const char *log) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", logs, log);
    if (truncate(path, 0) && errno != ENOENT) fail(path);
}

/* For a descriptor that is for writing only. SQLite's never are: to close another of the same file would end its locks. */
static void read_anew(int fd, void *bytes, size_t count, off64_t offset) {
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int reading = real_open(self, O_RDONLY | O_CLOEXEC);
    if (reading < 0 || pread64(reading, bytes, count, offset) != (ssize_t)count) fail("pread");
    real_close(reading);
}

/* Keeps what stands at [offset, offset + reach), and the file's size. */
static void keep(int fd, off64_t offset, size_t reach) {
    char path[PATH_MAX];
    struct stat64 status;
    if (fstat64(fd, &status)) fail("fstat");
    size_t old = offset >= status.st_size ? 0 : (size_t)(status.st_size - offset);
    if (old > reach) old = reach;
    struct record *record = malloc(sizeof *record + old);
    *record = (struct record){WRITE, old, offset, reach, status.st_size};
    if (pread64(fd, record + 1, old, offset) != (ssize_t)old) read_anew(fd, record + 1, old, offset);
    append(log_path(path, watched[fd].name), record, sizeof *record + old);
    free(record);
}

static off64_t position(int fd) {
    struct stat64 status;
    if (!(fcntl(fd, F_GETFL) & O_APPEND)) return lseek64(fd, 0, SEEK_CUR);
    return fstat64(fd, &status) ? -1 : status.st_size;
}

static void watch(int fd, const char *path) {
    if (fd < 0 || fd >= FILES) return;
    const char *name = name_of(path);
    watched[fd].what = name ? FILE_IN_IT : !strcmp(path, folder) ? FOLDER : AROUND;
    if (name) strcpy(watched[fd].name, name);
}

static int opened(const char *path, int flags, mode_t mode) {
    const char *name = name_of(path);
    if (!folder || (!name && strcmp(path, folder) && strcmp(path, around))) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = name && (flags & O_CREAT) && access(path, F_OK);
    if (is_new) {
        char entry[NAME + 16];
        snprintf(entry, sizeof entry, "create %s\n", name);
        append_name("names", entry);
    }
    /* What is cut off at opening is not watched: nothing of ours does it. */
    if (name && (flags & O_TRUNC) && !is_new) fail("O_TRUNC on a watched file");
    int fd = real_open(path, flags, mode);
    watch(fd, path);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags, mode)                              \
    mode_t mode = 0;                                   \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {           \
        va_list more;                                  \
        va_start(more, flags);                         \
        mode = va_arg(more, mode_t);                   \
        va_end(more);                                  \
    }

int open(const char *path, int flags, ...) {
    MODE(flags, mode);
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, mode);
    return opened(path, flags | O_LARGEFILE, mode);
}

int close(int fd) {
    if (fd >= 0 && fd < FILES) watched[fd].what = OTHER;
    return real_close(fd);
}

static ssize_t changed(int fd, const void *bytes, size_t count, off64_t offset, int at_position) {
    begin_step();
    ssize_t written = -1;
    if (is_there("full")) {
        errno = ENOSPC;
    } else {
        keep(fd, offset, count);
        written = at_position ? real_write(fd, bytes, count) : real_pwrite(fd, bytes, count, offset);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    return of(fd) ? changed(fd, bytes, count, position(fd), 1) : real_write(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return of(fd) ? changed(fd, bytes, count, offset, 0) : real_pwrite(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!of(fd)) return real_writev(fd, parts, count);
    ssize_t all = 0;
    for (int part = 0; part < count; part++) {
        ssize_t written = write(fd, parts[part].iov_base, parts[part].iov_len);
        if (written < 0) return all ? all : written;
        all += written;
    }
    return all;
}

int ftruncate64(int fd, off64_t size) {
    if (!of(fd)) return real_ftruncate(fd, size);
    struct stat64 status;
    begin_step();
    if (fstat64(fd, &status)) fail("fstat");
    keep(fd, size, status.st_size > size ? (size_t)(status.st_size - size) : 0);
    int result = real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int failed(const char *path) {
    char fault[PATH_MAX];
    struct record record = {FAILED, 0, 0, 0, 0};
    snprintf(fault, sizeof fault, "%s/fail-sync", logs);
    REAL(unlink)(fault);
    append(path, &record, sizeof record);
    errno = EIO;
    return -1;
}

/* A log that holds a sync that failed is kept: what that sync lost, a later one does not bring back. */
static int synced(int fd, const char *path) {
    struct record record = {SYNCED, 0, 0, 0, 0};
    int result = real_fsync(fd);
    if (result) return result;
    int log = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct record found;
    int has_failed = 0;
    for (off64_t at = 0; pread64(log, &found, sizeof found, at) == sizeof found; at += sizeof found + found.length)
        has_failed |= found.kind == FAILED;
    if (!has_failed) real_ftruncate(log, 0);
    real_close(log);
    if (has_failed) append(path, &record, sizeof record);
    return 0;
}

int fsync(int fd) {
    struct watched *file = of(fd);
    if (!file) return real_fsync(fd);
    char path[PATH_MAX];
    int result = 0;
    begin_step();
    if (is_there("lie")) {
        result = 0;
    } else if (file->what != FILE_IN_IT) {
        result = real_fsync(fd);
        if (!result) forget_names(file->what == FOLDER ? "names" : "folder");
    } else if (is_to_fail(file->name)) {
        result = failed(log_path(path, file->name));
    } else {
        result = synced(fd, log_path(path, file->name));
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fdatasync(int fd) { return of(fd) ? fsync(fd) : REAL(fdatasync)(fd); }

int mkdir(const char *path, mode_t mode) {
    if (folder && !strcmp(path, folder) && access(path, F_OK)) append_name("folder", "made\n");
    return REAL(mkdir)(path, mode);
}

int unlink(const char *path) {
    const char *name = name_of(path);
    if (!name || access(path, F_OK)) return REAL(unlink)(path);
    char aside[PATH_MAX], log[PATH_MAX], log_aside[PATH_MAX], entry[NAME + 64];
    begin_step();
    snprintf(aside, sizeof aside, "%s/%lu", logs, ++set_aside);
    snprintf(log_aside, sizeof log_aside, "%s/%lu.undo", logs, set_aside);
    snprintf(entry, sizeof entry, "unlink %s %lu\n", name, set_aside);
    append_name("names", entry);
    rename(log_path(log, name), log_aside);
    int result = rename(path, aside);
    pthread_mutex_unlock(&lock);
    return result;
}
