// Products of bytes in 256 bits, with NW_HAS_VNNI by vpdpbusd. Without it by pmaddubsw, whose sums of two products do
// not saturate here: 2 * 128 * 127 is less than 2^15.
typedef __m256i vbytes;

NW_INLINE vbytes bytes_load(const void *p) { return _mm256_loadu_si256(p); }
NW_INLINE vbytes bytes_splat(const void *p) {
    int four;
    __builtin_memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
NW_INLINE vbytes low_nibbles(vbytes v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
NW_INLINE vbytes high_nibbles(vbytes v) { return low_nibbles(_mm256_srli_epi16(v, 4)); }

/// sum + u[4i..4i+3] * s[4i..4i+3] in each 32-bit lane i, u unsigned, s signed.
NW_INLINE vbytes add_products(vbytes sum, vbytes u, vbytes s) {
#if NW_HAS_VNNI
    return NW_DPBUSD_256(sum, u, s);
#else
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, s), _mm256_set1_epi16(1)));
#endif
}

/// The same with w signed; the sum is too large by signed_shift times that of s.
NW_INLINE vbytes add_signed_products(vbytes sum, vbytes w, vbytes s) {
#if NW_HAS_VNNI
    return add_products(sum, _mm256_xor_si256(w, _mm256_set1_epi8(-128)), s);
#else
    // |w| times s with w's sign. The magnitude of -128 is 128 as the unsigned byte it is taken for.
    return add_products(sum, _mm256_abs_epi8(w), _mm256_sign_epi8(s, w));
#endif
}
enum { signed_shift = NW_HAS_VNNI ? 128 : 0 };
