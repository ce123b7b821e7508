/* lseek(2), SEEK_DATA and SEEK_HOLE, truncate(2), fallocate(2), sizes beyond 4 GiB. */
#include "check.h"
#include <linux/falloc.h>
#include <sys/stat.h>

static off_t size_of(int fd) {
    struct stat st;
    CHECK(fstat(fd, &st) == 0);
    return st.st_size;
}

int main(void) {
    int fd = make_file("file", "0123456789", 10);
    CHECK(lseek(fd, 3, SEEK_SET) == 3 && lseek(fd, 3, SEEK_CUR) == 6 && lseek(fd, -1, SEEK_END) == 9);
    CHECK(lseek(fd, 100, SEEK_END) == 110 && size_of(fd) == 10);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, -111, SEEK_CUR), EINVAL);
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
    CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(99, 0, SEEK_SET), EBADF);
    CHECK(lseek(fd, 0, SEEK_CUR) == 110);

    /* A sparse file: data, 5 GiB of nothing, data. */
    const off_t far = 5ll << 30;
    CHECK(pwrite(fd, "end", 3, far) == 3 && size_of(fd) == far + 3);
    CHECK(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 5, SEEK_DATA) == 5);
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    CHECK(hole >= PAGE && hole < far && hole % 512 == 0);
    off_t data = lseek(fd, hole, SEEK_DATA);
    CHECK(data > hole && data <= far);
    CHECK(lseek(fd, far, SEEK_HOLE) == far + 3);
    CHECK_ERRNO(lseek(fd, far + 3, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
    char back[8] = "";
    CHECK(pread(fd, back, 8, far - 2) == 5 && !memcmp(back, "\0\0end", 5));

    CHECK(ftruncate(fd, 4) == 0 && size_of(fd) == 4);
    CHECK(truncate("file", 6) == 0 && pread(fd, back, 8, 0) == 6 && !memcmp(back, "0123\0\0", 6));
    CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
    CHECK_ERRNO(truncate("absent", 0), ENOENT);
    CHECK_ERRNO(truncate(".", 0), EISDIR);
    CHECK_ERRNO(ftruncate(open("file", O_RDONLY), 0), EINVAL);

    CHECK(fallocate(fd, 0, 0, 3 * PAGE) == 0 && size_of(fd) == 3 * PAGE);
    CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9 * PAGE) == 0 && size_of(fd) == 3 * PAGE);
    CHECK(pwrite(fd, "x", 1, PAGE) == 1);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE) == 0);
    CHECK(pread(fd, back, 1, PAGE) == 1 && back[0] == 0);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, PAGE, PAGE), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, -1, PAGE), EINVAL);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0);
    CHECK_ERRNO(fsync(99), EBADF);
}
