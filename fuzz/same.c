/*
 * Chance that is the same each time. Loaded with LD_PRELOAD, it gives the maps of the standard library the same keys in
 * every run, so that a run reaches what the run before reached. Cryptography asks the kernel itself, and is left its chance.
 */
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *bytes, size_t size, unsigned flags) {
    (void)flags;
    memset(bytes, 7, size);
    return (ssize_t)size;
}
