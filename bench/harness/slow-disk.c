// Makes the disk of a program slow: with LD_PRELOAD, each fsync and fdatasync first waits for as many microseconds as
// the file says that SLOW_DISK names. The file can change while the program runs.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_disk(void) {
  const char *path = getenv("SLOW_DISK");
  FILE *file = path ? fopen(path, "re") : NULL;
  unsigned long delay = 0;
  if (file == NULL) return;
  if (fscanf(file, "%lu", &delay) != 1) delay = 0;
  fclose(file);
  if (delay > 0) usleep(delay);
}

static int sync_file(const char *name, int file) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  wait_for_disk();
  return real(file);
}

int fsync(int file) { return sync_file("fsync", file); }
int fdatasync(int file) { return sync_file("fdatasync", file); }
