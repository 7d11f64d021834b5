// A model's weights made ready; see nodewatt_model.h.
#ifndef NODEWATT_MODEL_PRIVATE_H
#define NODEWATT_MODEL_PRIVATE_H

#include "internal.h"
#include "nodewatt_model.h"

/// Rows of a matrix that are stored alike.
typedef struct model_part {
    const nw_multiply_kernel *kernel;
    nw_weight_layout layout;
    /// The first row within the matrix, and the one behind the last.
    int64_t first, end;
    /// Bytes from one panel to the next.
    size_t panel_bytes;
    /// Where each thread's rows begin.
    uint8_t **slices;
} model_part;

typedef struct model_matrix {
    int64_t rows, columns;
    int parts;
    model_part *part;
    /// The formats of its parts, a bit for each.
    unsigned formats;
} model_matrix;

struct nw_model {
    nw_team *team;
    const nw_isa *isa;
    int threads, count, part_count;
    model_matrix *matrices;
    model_part *parts;
    uint8_t **slices;
    nw_memory **arenas;
};

/// The rows of a part that are a thread's: from `*first` on, counted in the matrix, `*rows` of them.
static inline void nw_model_share(const nw_model *m, const model_matrix *matrix, const model_part *part, int thread,
                                  int64_t *first, int64_t *rows) {
    int64_t start = nw_share(matrix->rows, 16, m->threads, thread);
    int64_t end = nw_share(matrix->rows, 16, m->threads, thread + 1);
    *first = start > part->first ? start : part->first;
    end = end < part->end ? end : part->end;
    *rows = end > *first ? end - *first : 0;
}

#endif
