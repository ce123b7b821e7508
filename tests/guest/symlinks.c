/* Path resolution: loops, chains of 40, dots, trailing slashes, names at a page's end. */
#include "check.h"
#include <sys/stat.h>

int main(void) {
    struct stat st;
    char name[32], target[32];
    CHECK(symlink("loop", "loop") == 0 && symlink("pong", "ping") == 0 && symlink("ping", "pong") == 0);
    CHECK_ERRNO(open("loop", O_RDONLY), ELOOP);
    CHECK_ERRNO(stat("ping", &st), ELOOP);
    CHECK_ERRNO(stat("loop/x", &st), ELOOP);
    CHECK_ERRNO(open("loop", O_CREAT | O_WRONLY, 0600), ELOOP);
    CHECK_ERRNO(chdir("ping"), ELOOP);
    CHECK_ERRNO(truncate("ping", 0), ELOOP);
    CHECK(lstat("loop", &st) == 0 && S_ISLNK(st.st_mode) && (st.st_mode & 0777) == 0777 && st.st_size == 4);
    CHECK(unlink("loop") == 0);

    /* 40 links are followed, 41 are not: path_resolution(7). */
    CHECK(close(make_file("chain-0", "end", 3)) == 0);
    for (int i = 1; i <= 41; i++) {
        sprintf(name, "chain-%d", i), sprintf(target, "chain-%d", i - 1);
        CHECK(symlink(target, name) == 0);
    }
    CHECK(stat("chain-40", &st) == 0 && st.st_size == 3);
    CHECK_ERRNO(stat("chain-41", &st), ELOOP);

    CHECK(mkdir("dir", 0755) == 0 && mkdir("dir/sub", 0755) == 0 && symlink("dir/sub", "short") == 0);
    CHECK(close(make_file("short/../found", "x", 1)) == 0);
    CHECK(access("dir/found", F_OK) == 0); /* .. is of where the link leads */
    CHECK(access("./dir//./sub///..//found", F_OK) == 0);
    CHECK_ERRNO(access("dir/found/..", F_OK), ENOTDIR);
    CHECK_ERRNO(access("dir/found/.", F_OK), ENOTDIR);
    CHECK(lstat("short/", &st) == 0 && S_ISDIR(st.st_mode)); /* the slash follows the link */
    CHECK_ERRNO(unlink("short/"), ENOTDIR);
    CHECK_ERRNO(rmdir("short"), ENOTDIR);
    CHECK(lstat("short", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(access("/..", F_OK) == 0 && access("/../../..", F_OK) == 0);

    CHECK(symlink("dir/nothing", "dangling") == 0);
    CHECK_ERRNO(stat("dangling", &st), ENOENT);
    CHECK_ERRNO(mkdir("dangling", 0755), EEXIST);
    CHECK(lstat("dangling", &st) == 0);

    char *end = end_of_pages(1);
    strcpy(end - 6, "short");
    CHECK(stat(end - 6, &st) == 0);
    memcpy(end - 5, "short", 5); /* no NUL before the hole */
    CHECK_ERRNO(stat(end - 5, &st), EFAULT);
    CHECK_ERRNO(stat(end, &st), EFAULT);
    memset(end - PAGE, '/', PAGE);
    CHECK_ERRNO(stat(end - PAGE, &st), ENAMETOOLONG);
    end[-1] = 0;
    CHECK(stat(end - PAGE, &st) == 0 && S_ISDIR(st.st_mode));
}
