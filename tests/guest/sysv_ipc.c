/* System V shared memory, semaphores and message queues: shmop(2), semctl(2), msgop(2). */
#include "check.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

enum { SIZE = 3 * PAGE + 100 }; /* attached as four pages */

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static void shared_memory(void) {
    int id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
    CHECK(id >= 0);
    char *a = shmat(id, NULL, 0);
    CHECK(a != (void *)-1);
    CHECK((uintptr_t)a % PAGE == 0);
    strcpy(a + SIZE, "seen");
    CHECK(a[0] == 0 && a[4 * PAGE - 1] == 0);

    char *b = shmat(id, NULL, SHM_RDONLY);
    CHECK(b != (void *)-1 && b != a);
    CHECK(strcmp(b + SIZE, "seen") == 0);
    a[0] = 7;
    CHECK(b[0] == 7);
    CHECK(kernel_reads(b) && !kernel_writes(b));
    CHECK(!kernel_reads(b + 4 * PAGE) || b + 4 * PAGE == a);

    struct shmid_ds status;
    CHECK(shmctl(id, IPC_STAT, &status) == 0);
    CHECK(status.shm_segsz == SIZE && status.shm_nattch == 2 && status.shm_cpid == getpid());
    CHECK_ERRNO(shmctl(id, IPC_STAT, (void *)1), EFAULT);

    /* Places: refused where something is, rounded, taken over. */
    char *place = mmap(NULL, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(place != MAP_FAILED);
    CHECK_ERRNO(shmat(id, place, 0), EINVAL);
    CHECK_ERRNO(shmat(id, place + 1, SHM_REMAP), EINVAL);
    CHECK_ERRNO(shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK(shmat(id, place + 1, SHM_REMAP | SHM_RND) == place);
    CHECK(place[0] == 7 && !kernel_writes(place + 4 * PAGE));
    CHECK(munmap(place + 4 * PAGE, 4 * PAGE) == 0);
    CHECK(shmdt(place) == 0);
    CHECK(!kernel_reads(place));
    CHECK(shmat(id, place, 0) == place);
    place[1] = 8;
    CHECK(a[1] == 8);

    CHECK_ERRNO(shmdt(place + PAGE), EINVAL);
    CHECK(shmdt(place) == 0);
    CHECK_ERRNO(shmdt(place), EINVAL);
    CHECK(shmdt(b) == 0);
    CHECK_ERRNO(shmat(-1, NULL, 0), EINVAL);

    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    CHECK(a[0] == 7); /* until it is detached */
    CHECK(shmdt(a) == 0);
    CHECK_ERRNO(shmat(id, NULL, 0), EINVAL);
}

static void semaphores(void) {
    int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    CHECK(id >= 0);
    unsigned short values[3] = {1, 2, 3};
    CHECK(semctl(id, 0, SETALL, (union semun){.array = values}) == 0);
    CHECK(semctl(id, 1, SETVAL, (union semun){.val = 9}) == 0);
    memset(values, 0, sizeof values);
    CHECK(semctl(id, 0, GETALL, (union semun){.array = values}) == 0);
    CHECK(values[0] == 1 && values[1] == 9 && values[2] == 3);
    CHECK(semctl(id, 1, GETVAL) == 9);
    struct semid_ds status;
    CHECK(semctl(id, 0, IPC_STAT, (union semun){.buf = &status}) == 0);
    CHECK(status.sem_nsems == 3);
    CHECK_ERRNO(semctl(id, 0, GETALL, (union semun){.array = (void *)1}), EFAULT);
    CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);

    struct sembuf take[2] = {{0, -1, 0}, {2, -3, 0}};
    CHECK(semop(id, take, 2) == 0);
    CHECK(semctl(id, 0, GETVAL) == 0 && semctl(id, 2, GETVAL) == 0);
    take[0].sem_flg = IPC_NOWAIT;
    CHECK_ERRNO(semop(id, take, 1), EAGAIN);
    take[0].sem_flg = 0;
    CHECK_ERRNO(semtimedop(id, take, 1, &(struct timespec){0, 1000000}), EAGAIN);
    CHECK_ERRNO(semop(id, (void *)1, 1), EFAULT);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
    CHECK_ERRNO(semop(id, take, 1), EINVAL);
}

static void messages(void) {
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    CHECK(id >= 0);
    struct {
        long type;
        char text[16];
    } message = {5, "five"}, got;
    CHECK(msgsnd(id, &message, 5, 0) == 0);
    message.type = 6, strcpy(message.text, "six");
    CHECK(msgsnd(id, &message, 4, 0) == 0);
    CHECK(msgrcv(id, &got, sizeof got.text, 6, 0) == 4);
    CHECK(got.type == 6 && strcmp(got.text, "six") == 0);
    CHECK_ERRNO(msgrcv(id, &got, 2, 0, 0), E2BIG);
    CHECK(msgrcv(id, &got, 2, 0, MSG_NOERROR) == 2);
    CHECK(got.type == 5);
    CHECK_ERRNO(msgrcv(id, &got, 2, 0, IPC_NOWAIT), ENOMSG);
    CHECK_ERRNO(msgsnd(id, (void *)1, 4, 0), EFAULT);
    struct msqid_ds status;
    CHECK(msgctl(id, IPC_STAT, &status) == 0);
    CHECK(status.msg_qnum == 0 && status.msg_lspid == getpid());
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    CHECK_ERRNO(msgsnd(id, &message, 4, 0), EINVAL);
}

int main(void) {
    shared_memory();
    semaphores();
    messages();
    return 0;
}
