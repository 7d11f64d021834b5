// Timed loops other than that of nwcl_run.
#include "session.h"

int32_t nwcl_run_in_turn(
    nwcl_session *session, const nwcl_launch *launches, size_t count, size_t turns, size_t first_turn,
    uint64_t repetitions, uint64_t *start_ns, uint64_t *end_ns) {
    if (turns == 0 || first_turn >= turns) { return CL_INVALID_VALUE; }
    size_t queued = 0, turn = first_turn;
    cl_int status = CL_SUCCESS;
    *start_ns = nwcl_now();
    for (uint64_t repetition = 0; repetition < repetitions && status == CL_SUCCESS; repetition++) {
        const nwcl_launch *own = launches + turn * count;
        for (size_t i = 0; i < count && status == CL_SUCCESS; i++) { status = nwcl_enqueue(session, own + i); }
        turn = turn + 1 < turns ? turn + 1 : 0;
        queued += count;
        if (queued >= NWCL_MAX_QUEUED && status == CL_SUCCESS) {
            status = nwcl_table->clFinish(session->queue);
            queued = 0;
        }
    }
    cl_int finished = nwcl_table->clFinish(session->queue);
    *end_ns = nwcl_now();
    return status != CL_SUCCESS ? status : finished;
}

int32_t nwcl_run_waiting(
    nwcl_session *session, const nwcl_launch *launch, uint64_t repetitions, uint64_t *start_ns, uint64_t *end_ns) {
    cl_int status = CL_SUCCESS;
    *start_ns = nwcl_now();
    for (uint64_t repetition = 0; repetition < repetitions && status == CL_SUCCESS; repetition++) {
        status = nwcl_enqueue(session, launch);
        if (status == CL_SUCCESS) { status = nwcl_table->clFinish(session->queue); }
    }
    *end_ns = nwcl_now();
    return status;
}

int32_t nwcl_run_marked(
    nwcl_session *session, const nwcl_launch *launches, const size_t *counts, size_t marks, uint64_t *start_ns,
    uint64_t *marks_ns) {
    cl_int status = CL_SUCCESS;
    *start_ns = nwcl_now();
    for (size_t mark = 0; mark < marks && status == CL_SUCCESS; mark++) {
        for (size_t i = 0; i < counts[mark] && status == CL_SUCCESS; i++) {
            status = nwcl_enqueue(session, launches++);
            if (status == CL_SUCCESS && (i + 1) % NWCL_MAX_QUEUED == 0) {
                status = nwcl_table->clFinish(session->queue);
            }
        }
        // Also after an error, so that nothing runs on.
        cl_int finished = nwcl_table->clFinish(session->queue);
        if (status == CL_SUCCESS) { status = finished; }
        marks_ns[mark] = nwcl_now();
    }
    return status;
}
