/* What each program's start asks, again and again: brk(0), arch_prctl(ARCH_SET_FS), set_tid_address(2). */
#include "children.h"
#include <asm/prctl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>

enum { OFTEN = 200 };
static volatile uint32_t word = 1, others[2] = {1, 1};

static long gettid_(void) { return syscall(SYS_gettid); }

static uintptr_t end_of_heap(void) { return (uintptr_t)syscall(SYS_brk, 0l); }

static void check_heap(void) {
    uintptr_t end = end_of_heap();
    for (int i = 0; i < OFTEN; i++) {
        uintptr_t asked = end + (uintptr_t)(i % 7) * 1000;
        CHECK((uintptr_t)syscall(SYS_brk, asked) == asked && end_of_heap() == asked && end_of_heap() == asked);
        CHECK((uintptr_t)syscall(SYS_brk, 1l) == asked && end_of_heap() == asked); /* refused */
    }
    CHECK((uintptr_t)syscall(SYS_brk, end) == end);
}

static void *grow(void *unused) {
    uintptr_t end = end_of_heap();
    CHECK((uintptr_t)syscall(SYS_brk, end + 5000) == end + 5000 && end_of_heap() == end + 5000);
    return unused;
}

/* Another thread moves it. */
static void check_shared_heap(void) {
    pthread_t thread;
    for (int i = 0; i < 20; i++) {
        CHECK(pthread_create(&thread, NULL, grow, NULL) == 0);
        uintptr_t least = end_of_heap();
        CHECK(pthread_join(thread, NULL) == 0 && end_of_heap() >= least);
    }
}

static int heap_of_child(void) {
    uintptr_t end = end_of_heap();
    CHECK((uintptr_t)syscall(SYS_brk, end + 100) == end + 100 && end_of_heap() == end + 100);
    return 0;
}

/* By bare calls: what has another FS base finds no errno, nor a stack protector's word. */
static __attribute__((noinline)) long set_base(unsigned long base, unsigned long back, long *read) {
    long result = SYS_arch_prctl, again = SYS_arch_prctl;
    __asm__ volatile("syscall\n\t" : "+a"(result) : "D"(ARCH_SET_FS), "S"(base) : "rcx", "r11", "memory");
    if (!result && read) __asm__ volatile("mov %%fs:0, %0" : "=r"(*read));
    __asm__ volatile("syscall\n\t" : "+a"(again) : "D"(ARCH_SET_FS), "S"(back) : "rcx", "r11", "memory");
    return result;
}

static void check_base(void) {
    unsigned long fs;
    long there[1] = {77}, read = 0;
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && fs);
    for (int i = 0; i < OFTEN; i++) {
        there[0] = i;
        CHECK(set_base((unsigned long)there, fs, &read) == 0 && read == i);
        CHECK(set_base(0, fs, NULL) == 0 && set_base((1ul << 47) - PAGE - 1, fs, NULL) == 0);
        CHECK(set_base((1ul << 47) - PAGE, fs, NULL) == -EPERM && set_base(-1ul, fs, NULL) == -EPERM);
        CHECK(set_base(1ul << 63, fs, NULL) == -EPERM);
        unsigned long now;
        CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &now) == 0 && now == fs);
    }
}

static uintptr_t tid_address(void) {
    uintptr_t address = 1;
    return prctl(PR_GET_TID_ADDRESS, &address) == 0 ? address : 0;
}

static void *named(void *which) {
    volatile uint32_t *mine = which;
    for (int i = 0; i < OFTEN; i++) CHECK(syscall(SYS_set_tid_address, i % 2 ? mine : &word) == gettid_());
    return NULL;
}

/* The word that was named last is zeroed and woken when a thread ends, and only that. */
static void check_words(void) {
    pthread_attr_t detached;
    pthread_t thread;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED); /* nobody else waits for its word */
    for (int i = 0; i < 20; i++) {
        others[i % 2] = 1;
        CHECK(pthread_create(&thread, &detached, named, (void *)&others[i % 2]) == 0);
        while (others[i % 2]) syscall(SYS_futex, &others[i % 2], FUTEX_WAIT, 1, NULL, NULL, 0);
        CHECK(word == 1);
    }
}

static int child(void) {
    for (int i = 0; i < OFTEN; i++) CHECK(syscall(SYS_set_tid_address, &word) == getpid() && gettid_() == getpid());
    uintptr_t address = tid_address();
    CHECK(!address || address == (uintptr_t)&word);
    return 0;
}

int main(void) {
    check_heap();
    CHECK(succeeds(start(heap_of_child)));
    check_base();
    CHECK(child() == 0 && succeeds(start(child)));
    uintptr_t address = tid_address();
    CHECK(!address || address == (uintptr_t)&word);
    check_words();
    CHECK(child() == 0);
    check_shared_heap();
    return 0;
}
