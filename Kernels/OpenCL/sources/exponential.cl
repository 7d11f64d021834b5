// exp of a FLOATV of values of at most 0, to two units in the last place, 0 below -87, 1 of 0; comes after what defines
// V, JOIN and FLOATV. For processors: what their runtimes call for exp makes one value after the other.
//
// 2^n * e^r with n nearest to x / ln 2, which the sum with 1.5 * 2^23 leaves in the lowest bits; e^r by a polynomial
// (the coefficients are those of Cephes' expf).
FLOATV exponential(FLOATV x) {
    const float large = 0x1.8p23f;
    FLOATV below = fmax(x, (FLOATV)(-87.0f));
    FLOATV shifted = fma(below, (FLOATV)(0x1.715476p0f), (FLOATV)(large)), n = shifted - large;
    FLOATV r = fma(n, (FLOATV)(-0.693359375f), below);
    r = fma(n, (FLOATV)(2.12194440e-4f), r);
    FLOATV p = 1.9875691500e-4f;
    p = fma(p, r, (FLOATV)(1.3981999507e-3f));
    p = fma(p, r, (FLOATV)(8.3334519073e-3f));
    p = fma(p, r, (FLOATV)(4.1665795894e-2f));
    p = fma(p, r, (FLOATV)(1.6666665459e-1f));
    p = fma(p, r, (FLOATV)(5.0000001201e-1f));
    FLOATV y = fma(p, r * r, r) + 1.0f;
    FLOATV scaled = JOIN(as_float, V)(JOIN(as_int, V)(y) + (JOIN(as_int, V)(shifted) << 23));
    return select(scaled, (FLOATV)(0.0f), x < -87.0f);
}
