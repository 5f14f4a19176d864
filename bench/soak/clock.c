/*
 * Sets the clock of one process. Loaded with LD_PRELOAD, it adds to the time of day the seconds that stand in a file,
 * eight bytes in the machine's order, which whoever drives the process may write at any moment.
 *
 *   COUNTERSIGN_CLOCK   the file
 *
 * The monotonic clocks stay as they are, as they do when a system's clock is set. Not covered: what the kernel itself
 * writes (times of files) or waits for (absolute timers on the time of day), and programs without a dynamic linker.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static _Atomic int64_t *offset;

__attribute__((constructor)) static void begin(void) {
    real_clock_gettime = (__typeof__(real_clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("COUNTERSIGN_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) offset = page;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!real_clock_gettime) begin();
    int status = real_clock_gettime(clock, time);
    int is_time_of_day = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
    if (status == 0 && is_time_of_day && offset) time->tv_sec += atomic_load_explicit(offset, memory_order_relaxed);
    return status;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    if (status == 0) *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return status;
}

time_t time(time_t *to) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
