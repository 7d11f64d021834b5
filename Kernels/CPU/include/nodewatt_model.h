/// A language model's weights in memory, in the layout the instruction set multiplies fastest.
#ifndef NODEWATT_MODEL_H
#define NODEWATT_MODEL_H

#include "nodewatt_gemv.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Rows of a matrix that are stored alike. The rows of all parts but a matrix's last are a multiple of 16.
typedef struct nw_part_spec {
    nw_weight_format format;
    int64_t rows;
} nw_part_spec;

/// A matrix: its parts, one below the other, follow those of the matrix before it. Columns are a multiple of 16, of 32
/// where a part has blocks.
typedef struct nw_matrix_spec {
    int64_t columns;
    int parts;
} nw_matrix_spec;

/// The matrices of a model. Every thread of the team has one arena with its rows of all of them, in their order: a token
/// reads each arena as one linear stream, on pages its thread touched first.
typedef struct nw_model nw_model;

/// What rows of activations are made into before they are multiplied; see nw_gemv for blocks.
typedef enum nw_multiplicand { NW_AS_F32 = 0, NW_AS_BF16, NW_AS_BLOCKS } nw_multiplicand;
/// What an instruction set makes of them for weights of a format.
nw_multiplicand nw_isa_multiplicand(const nw_isa *isa, nw_weight_format format);

/// The bytes nw_model_create takes; 0 for matrices it refuses.
size_t nw_model_bytes(const nw_isa *isa, const nw_matrix_spec *matrices, int count, const nw_part_spec *parts,
                      int threads);
/// Reserves the memory, which holds nothing yet.
nw_status nw_model_create(nw_team *team, const nw_isa *isa, const nw_matrix_spec *matrices, int count,
                          const nw_part_spec *parts, nw_model **model);
void nw_model_destroy(nw_model *model);
/// Fills a part with random weights as nw_gemv_fill says; the part's first row is row `first` of the seeded matrix.
nw_status nw_model_fill(nw_model *model, int matrix, int part, int64_t first, const uint32_t *keys);
/// Copies a part from rows in the format's own layout, one after the other, at any address.
nw_status nw_model_copy(nw_model *model, int matrix, int part, const void *rows);
/// A stored row in its format's own layout, read for checks and written by tests that corrupt it.
nw_status nw_model_read_row(const nw_model *model, int matrix, int64_t row, void *bytes);
nw_status nw_model_write_row(nw_model *model, int matrix, int64_t row, const void *bytes);

#ifdef __cplusplus
}
#endif
#endif
