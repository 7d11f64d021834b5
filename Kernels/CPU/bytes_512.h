// Products of bytes in 512 bits; see bytes_256.h.
typedef __m512i vbytes;

NW_INLINE vbytes bytes_load(const void *p) { return _mm512_loadu_si512(p); }
NW_INLINE vbytes bytes_splat(const void *p) {
    int four;
    __builtin_memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
NW_INLINE vbytes low_nibbles(vbytes v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
NW_INLINE vbytes high_nibbles(vbytes v) { return low_nibbles(_mm512_srli_epi16(v, 4)); }

NW_INLINE vbytes add_products(vbytes sum, vbytes u, vbytes s) {
#if NW_HAS_VNNI
    return _mm512_dpbusd_epi32(sum, u, s);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(u, s), _mm512_set1_epi16(1)));
#endif
}

NW_INLINE vbytes add_signed_products(vbytes sum, vbytes w, vbytes s) {
#if NW_HAS_VNNI
    return add_products(sum, _mm512_xor_si512(w, _mm512_set1_epi8(-128)), s);
#else
    __m512i signed_as_w = _mm512_mask_sub_epi8(s, _mm512_movepi8_mask(w), _mm512_setzero_si512(), s);
    return add_products(sum, _mm512_abs_epi8(w), signed_as_w);
#endif
}
enum { signed_shift = NW_HAS_VNNI ? 128 : 0 };
