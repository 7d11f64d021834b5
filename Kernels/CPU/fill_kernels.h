// NodeModel's SeededData in vectors; see vectors.h.

/// The random words of the elements whose indices times 0x9e3779b1 are given.
NW_INLINE vword words(vword products, uint32_t key) {
    vword x = products ^ key;
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}

NW_INLINE vfloat uniform(vword w) { return __builtin_convertvector((vint)w >> 8, vfloat) * 0x1p-23f; }

NW_INLINE vfloat small_integer(vword w) { return __builtin_convertvector((vint)((w >> 16) * 7 >> 16) - 3, vfloat); }

/// One vector of elements, written to the start of `to` as the kind's own format.
NW_INLINE void make(void *to, nw_fill_kind kind, vword w) {
    vfloat weight = __builtin_convertvector((vint)w >> 24, vfloat) * 0x1p-12f;
    switch (kind) {
    case NW_FILL_UNIFORM_F32: store(to, uniform(w)); break;
    case NW_FILL_SMALL_INTEGER_F32: store(to, small_integer(w)); break;
    case NW_FILL_WORD_U32: *(vword_any *)to = w; break;
    case NW_FILL_WEIGHT_BF16: *(vhalf_any *)to = narrow_bf16(weight); break;
    case NW_FILL_WEIGHT_F16: *(vhalf_any *)to = narrow_f16(weight); break;
    case NW_FILL_UNIFORM_BF16: *(vhalf_any *)to = narrow_bf16(uniform(w)); break;
    case NW_FILL_UNIFORM_F16: *(vhalf_any *)to = narrow_f16(uniform(w)); break;
    case NW_FILL_SMALL_INTEGER_BF16: *(vhalf_any *)to = narrow_bf16(small_integer(w)); break;
    case NW_FILL_SMALL_INTEGER_F16: *(vhalf_any *)to = narrow_f16(small_integer(w)); break;
    }
}

NW_INLINE void fill_kind(char *to, nw_fill_kind kind, size_t width, uint32_t key, uint32_t first, size_t count) {
    const uint32_t golden = 0x9e3779b1u;
    vword products = ((vword)lanes_up() + first) * golden;
    size_t i = 0;
    for (; i + NW_LANES <= count; i += NW_LANES, products += NW_LANES * golden)
        make(to + i * width, kind, words(products, key));
    if (i == count) return;
    _Alignas(64) char rest[4 * NW_LANES];
    make(rest, kind, words(products, key));
    __builtin_memcpy(to + i * width, rest, (count - i) * width);
}

static void fill(void *to, nw_fill_kind kind, uint32_t key, uint32_t first, size_t count) {
    // Constants in the calls make one loop of each kind.
    switch (kind) {
    case NW_FILL_UNIFORM_F32: fill_kind(to, NW_FILL_UNIFORM_F32, 4, key, first, count); break;
    case NW_FILL_SMALL_INTEGER_F32: fill_kind(to, NW_FILL_SMALL_INTEGER_F32, 4, key, first, count); break;
    case NW_FILL_WORD_U32: fill_kind(to, NW_FILL_WORD_U32, 4, key, first, count); break;
    case NW_FILL_WEIGHT_BF16: fill_kind(to, NW_FILL_WEIGHT_BF16, 2, key, first, count); break;
    case NW_FILL_WEIGHT_F16: fill_kind(to, NW_FILL_WEIGHT_F16, 2, key, first, count); break;
    case NW_FILL_UNIFORM_BF16: fill_kind(to, NW_FILL_UNIFORM_BF16, 2, key, first, count); break;
    case NW_FILL_UNIFORM_F16: fill_kind(to, NW_FILL_UNIFORM_F16, 2, key, first, count); break;
    case NW_FILL_SMALL_INTEGER_BF16: fill_kind(to, NW_FILL_SMALL_INTEGER_BF16, 2, key, first, count); break;
    case NW_FILL_SMALL_INTEGER_F16: fill_kind(to, NW_FILL_SMALL_INTEGER_F16, 2, key, first, count); break;
    }
}
