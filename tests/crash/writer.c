/*
 * Does to files what its arguments say, then says "done" and waits to be killed.
 *
 *   write FILE OFFSET BYTE COUNT     BYTE, a character, COUNT times at OFFSET; the file is made if there is none
 *   truncate FILE SIZE
 *   sync FILE                        says "EIO" where that fails
 *   sync-folder FOLDER
 *   unlink FILE
 *   make-folder FOLDER
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int is_done, const char *what) {
    if (is_done) return;
    perror(what);
    exit(1);
}

static void write_bytes(const char *path, off_t offset, char byte, size_t count) {
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    char *bytes = malloc(count);
    memset(bytes, byte, count);
    must(pwrite(fd, bytes, count, offset) == (ssize_t)count, path);
    free(bytes);
    close(fd);
}

static void sync_it(const char *path, int flags) {
    int fd = open(path, flags);
    must(fd >= 0, path);
    if (fsync(fd)) puts("EIO");
    close(fd);
}

static void truncate_it(const char *path, off_t size) {
    int fd = open(path, O_RDWR);
    must(!ftruncate(fd, size), path);
    close(fd);
}

int main(int count, char **argument) {
    for (char **at = argument + 1; at < argument + count;) {
        const char *verb = at[0], *path = at[1];
        at += 2;
        if (!strcmp(verb, "write")) {
            write_bytes(path, atol(at[0]), *at[1], (size_t)atol(at[2]));
            at += 3;
        } else if (!strcmp(verb, "truncate")) {
            truncate_it(path, atol(*at++));
        } else if (!strcmp(verb, "sync")) {
            sync_it(path, O_RDWR);
        } else if (!strcmp(verb, "sync-folder")) {
            sync_it(path, O_RDONLY | O_DIRECTORY);
        } else if (!strcmp(verb, "make-folder")) {
            must(!mkdir(path, 0700), path);
        } else {
            must(!strcmp(verb, "unlink") && !unlink(path), verb);
        }
    }
    puts("done");
    fflush(stdout);
    pause();
}
