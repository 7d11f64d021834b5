// What kernels over rows of f32 share. LOCAL: items of a work-group, a power of two, 1 on processors. V: f32 lanes of a
// vector. ALIGNED: defined where every row begins on a whole vector.
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define FLOATV JOIN(float, V)
#ifdef ALIGNED
#define ROW_LOAD(i, row) (((__global const FLOATV *)(row))[i])
#define ROW_STORE(x, i, row) ((__global FLOATV *)(row))[i] = (x)
#else
#define ROW_LOAD(i, row) JOIN(vload, V)(i, row)
#define ROW_STORE(x, i, row) JOIN(vstore, V)(x, i, row)
#endif

#if V == 16
#define FOLD(v, two) two(two((v).s0123, (v).s4567), two((v).s89ab, (v).scdef))
#elif V == 8
#define FOLD(v, two) two((v).s0123, (v).s4567)
#else
#define FOLD(v, two) (v)
#endif
#define ADD(a, b) ((a) + (b))

float total_of(FLOATV x) {
    float4 y = FOLD(x, ADD);
    return (y.x + y.z) + (y.y + y.w);
}

float largest_of(FLOATV x) {
    float4 y = FOLD(x, fmax);
    return fmax(fmax(y.x, y.z), fmax(y.y, y.w));
}

// The sum, or the largest, of all items' x, for all items; every item of the group has to come here.
float over_group(__local float *partial, float x, bool largest) {
    uint item = get_local_id(0);
    barrier(CLK_LOCAL_MEM_FENCE);
    partial[item] = x;
    for (uint half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_size) {
            float other = partial[item + half_size];
            partial[item] = largest ? fmax(partial[item], other) : partial[item] + other;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return partial[0];
}
