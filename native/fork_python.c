/* A fork beside other threads that fork(2) has no words for. Called without Python's lock, as all here. */
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include "engine.h"

long engine_fork_beside_threads(struct vcpu *cpu, const void *clone_args, size_t size) {
    int error = engine_fork_prepare(cpu);
    if (error) return error;
    PyGILState_STATE state = PyGILState_Ensure();
    PyOS_BeforeFork();
    long pid = engine_clone(cpu, clone_args, size);
    if (pid)
        PyOS_AfterFork_Parent();
    else
        PyOS_AfterFork_Child();
    PyGILState_Release(state);
    return pid;
}
