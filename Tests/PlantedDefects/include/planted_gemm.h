/// Products whose kernel is defective, or watched: for tests, which link this beside the kernels.
#ifndef NODEWATT_PLANTED_GEMM_H
#define NODEWATT_PLANTED_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "nodewatt_gemm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum planted_defect {
    /// None; only watched.
    PLANTED_NOTHING = 0,
    /// One low bit of one element of packed B is wrong: the element is one of the last column of the first panel.
    PLANTED_B_BIT,
    /// The last step of depth groups is left out.
    PLANTED_LAST_GROUPS,
    /// A word is written behind the end of C's last row; C's columns must be whole panels, its rows without gaps.
    PLANTED_OVERRUN,
    /// The last element of the first tile is not written; C must have more than one panel.
    PLANTED_OMISSION,
} planted_defect;

/// What the threads of a watched product did last.
typedef struct planted_watch {
    /// The first rows and columns of tiles that were computed in C itself, as flags of `m` and `n`.
    bool *rows, *columns;
    /// Panels packed by a thread that then did not read them, and panels that nobody packed or read.
    int64_t foreign, missing;
    /// Whether each thread's own memory begins and ends with a huge page.
    bool apart;
} planted_watch;

/// Replaces the kernel of a product by a defective one, which works as it should for B's next `sound` packings; of -1
/// the defect shows at once, with what is packed already. One product at a time: `planted_end` must come before the next.
nw_status planted_begin(nw_gemm *gemm, planted_defect defect, int sound);
/// Fills in what was seen since `planted_begin`; rows and columns must have room for C's.
void planted_look(planted_watch *watch);
/// Gives the product its own kernel back.
void planted_end(void);

#ifdef __cplusplus
}
#endif
#endif
