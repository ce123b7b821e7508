/* rename(2), renameat2(2) and its flags, link(2), unlink(2), mkdir(2), rmdir(2). */
#include "check.h"
#include <sys/stat.h>

static void put(const char *name) { CHECK(close(make_file(name, name, strlen(name))) == 0); }

static int holds(const char *name, const char *text) {
    char *found = read_file(name, NULL);
    int same = !strcmp(found, text);
    free(found);
    return same;
}

static int absent(const char *name) {
    struct stat st;
    return lstat(name, &st) == -1 && errno == ENOENT;
}

static void files(void) {
    put("a"), put("b"), put("c");
    CHECK(rename("a", "d") == 0 && absent("a") && holds("d", "a"));
    CHECK(rename("d", "b") == 0 && absent("d") && holds("b", "a"));
    CHECK_ERRNO(rename("absent", "b"), ENOENT);
    CHECK_ERRNO(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE), EEXIST);
    CHECK(renameat2(AT_FDCWD, "b", AT_FDCWD, "e", RENAME_NOREPLACE) == 0 && holds("e", "a"));
    CHECK(renameat2(AT_FDCWD, "e", AT_FDCWD, "c", RENAME_EXCHANGE) == 0 && holds("c", "a") && holds("e", "c"));
    CHECK_ERRNO(renameat2(AT_FDCWD, "e", AT_FDCWD, "absent", RENAME_EXCHANGE), ENOENT);
    CHECK_ERRNO(renameat2(AT_FDCWD, "e", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
    CHECK_ERRNO(renameat2(AT_FDCWD, "e", AT_FDCWD, "c", 1 << 10), EINVAL);
    CHECK_ERRNO(rename("e", NULL), EFAULT);
    CHECK_ERRNO(rename("", "x"), ENOENT);
}

static void directories(void) {
    CHECK(mkdir("dir", 0755) == 0 && mkdir("dir/sub", 0755) == 0 && mkdir("empty", 0755) == 0);
    CHECK_ERRNO(mkdir("dir", 0755), EEXIST);
    CHECK_ERRNO(mkdir("c", 0755), EEXIST);
    CHECK_ERRNO(mkdir("absent/x", 0755), ENOENT);
    CHECK_ERRNO(mkdir("c/x", 0755), ENOTDIR);
    CHECK(mkdir("slash/", 0755) == 0 && rmdir("slash/") == 0);
    CHECK_ERRNO(rename("c", "dir"), EISDIR);
    CHECK_ERRNO(rename("dir", "c"), ENOTDIR);
    CHECK_ERRNO(rename("dir", "dir/sub/inner"), EINVAL);
    CHECK_ERRNO(rename("empty", "dir"), ENOTEMPTY);
    CHECK_ERRNO(rename("dir", "."), EBUSY);
    CHECK_ERRNO(rename("dir/.", "x"), EBUSY);
    CHECK_ERRNO(rename("c", "c/"), ENOTDIR);
    CHECK(rename("dir", "empty") == 0 && absent("dir") && access("empty/sub", F_OK) == 0);
    CHECK_ERRNO(rmdir("empty"), ENOTEMPTY);
    CHECK_ERRNO(rmdir("c"), ENOTDIR);
    CHECK_ERRNO(rmdir("."), EINVAL);
    CHECK_ERRNO(rmdir("empty/sub/.."), ENOTEMPTY);
    CHECK_ERRNO(rmdir("absent"), ENOENT);
    CHECK_ERRNO(unlink("empty"), EISDIR);
    CHECK(rmdir("empty/sub") == 0 && rmdir("empty") == 0 && absent("empty"));
}

static void links(void) {
    struct stat one, two;
    CHECK(link("c", "hard") == 0 && stat("c", &one) == 0 && stat("hard", &two) == 0);
    CHECK(one.st_ino == two.st_ino && one.st_nlink == 2);
    CHECK(rename("c", "hard") == 0 && access("c", F_OK) == 0); /* the same file: nothing happens */
    CHECK_ERRNO(link("c", "hard"), EEXIST);
    CHECK_ERRNO(link("absent", "x"), ENOENT);
    CHECK_ERRNO(link(".", "x"), EPERM);
    CHECK_ERRNO(unlink("absent"), ENOENT);
    CHECK_ERRNO(unlink("c/"), ENOTDIR);

    CHECK(symlink("c", "soft") == 0 && link("soft", "soft2") == 0 && lstat("soft2", &one) == 0 && S_ISLNK(one.st_mode));
    CHECK(rename("soft", "soft3") == 0 && absent("soft") && holds("soft3", "a"));
    CHECK_ERRNO(symlink("x", "soft3"), EEXIST);
    CHECK_ERRNO(symlink("", "x"), ENOENT);

    /* A file lives on without a name. */
    int fd = open("c", O_RDWR);
    CHECK(unlink("c") == 0 && unlink("hard") == 0 && fstat(fd, &one) == 0 && one.st_nlink == 0);
    char byte;
    CHECK(read(fd, &byte, 1) == 1 && byte == 'a' && write(fd, "more", 4) == 4);
    CHECK_ERRNO(open("soft3", O_RDONLY), ENOENT);
}

int main(void) {
    files();
    directories();
    links();
}
