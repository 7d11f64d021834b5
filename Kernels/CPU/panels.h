// How panels of weights are read; see gemv_kernels.h and block_panel_kernels.h.
#ifndef NODEWATT_PANELS_H
#define NODEWATT_PANELS_H

enum {
    /// Panels read side by side: two streams per thread keep more of the memory busy than one, more than two less.
    panel_streams = 2,
    /// How far ahead of each is prefetched, in bytes.
    panel_ahead = 3072,
};

#endif
