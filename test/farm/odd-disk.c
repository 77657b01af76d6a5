/*
 * Preloaded into a program, makes the disk odd below ODD_DISK_ROOT:
 *   ODD_DISK=fold   names are the same whatever their case (ASCII), as on the disks of other systems
 *   ODD_DISK=loose  locks are always granted, to everybody; hard links are not to be had
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int odd(const char *mode) {
  const char *set = getenv("ODD_DISK");
  return set != NULL && strcmp(set, mode) == 0;
}

/* The name as the disk keeps it. */
static const char *kept(const char *path, char *room) {
  const char *root = getenv("ODD_DISK_ROOT");
  if (path == NULL || root == NULL || !odd("fold")) return path;
  size_t length = strlen(root);
  if (strncmp(path, root, length) != 0 || strlen(path) >= PATH_MAX) return path;
  strcpy(room, path);
  for (char *at = room + length; *at; at++) *at = tolower((unsigned char)*at);
  return room;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int open64(const char *path, int flags, ...) {
  char room[PATH_MAX];
  va_list more;
  va_start(more, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return REAL(open64)(kept(path, room), flags, mode);
}

int open(const char *path, int flags, ...) {
  char room[PATH_MAX];
  va_list more;
  va_start(more, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return REAL(open)(kept(path, room), flags, mode);
}

int mkdir(const char *path, mode_t mode) {
  char room[PATH_MAX];
  return REAL(mkdir)(kept(path, room), mode);
}

int rmdir(const char *path) {
  char room[PATH_MAX];
  return REAL(rmdir)(kept(path, room));
}

int unlink(const char *path) {
  char room[PATH_MAX];
  return REAL(unlink)(kept(path, room));
}

int rename(const char *from, const char *to) {
  char one[PATH_MAX], two[PATH_MAX];
  return REAL(rename)(kept(from, one), kept(to, two));
}

int symlink(const char *target, const char *path) {
  char room[PATH_MAX];
  return REAL(symlink)(target, kept(path, room));
}

ssize_t readlink(const char *path, char *buffer, size_t size) {
  char room[PATH_MAX];
  return REAL(readlink)(kept(path, room), buffer, size);
}

char *mkdtemp(char *pattern) {
  /* Letters of both cases would not be found again. */
  char *made = REAL(mkdtemp)(pattern);
  char room[PATH_MAX];
  if (made == NULL || kept(made, room) == made) return made;
  if (REAL(rename)(made, room) == 0) strcpy(made, room);
  return made;
}

int link(const char *from, const char *to) {
  if (!odd("loose")) return REAL(link)(from, to);
  errno = EPERM;
  return -1;
}

int flock(int file, int operation) {
  return odd("loose") ? 0 : REAL(flock)(file, operation);
}

static int isLock(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

int fcntl64(int file, int command, ...) {
  va_list more;
  va_start(more, command);
  void *argument = va_arg(more, void *);
  va_end(more);
  if (odd("loose") && isLock(command)) return 0;
  return REAL(fcntl64)(file, command, argument);
}

/* Node asks for statx by its number. */
long syscall(long number, ...) {
  char room[PATH_MAX];
  long words[6];
  va_list more;
  va_start(more, number);
  for (int i = 0; i < 6; i++) words[i] = va_arg(more, long);
  va_end(more);
  if (number == SYS_statx) words[1] = (long)kept((const char *)words[1], room);
  return REAL(syscall)(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}
