// sum + the dot product of two times four int8, the bytes of a word, modulo 2^32: by dp4a where there is inline PTX
// (DOT_PTX), by the device's own dot product (DOT_KHR), else in plain C.
#ifdef DOT_KHR
#pragma OPENCL EXTENSION cl_khr_integer_dot_product : enable
#endif

uint add_dot(uint sum, uint left, uint right) {
#if defined(DOT_PTX)
    uint result;
    __asm__("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(left), "r"(right), "r"(sum));
    return result;
#elif defined(DOT_KHR)
    // dot_acc_sat would do both, but it saturates, which costs more than an addition.
    return sum + (uint)dot(as_char4(left), as_char4(right));
#else
    int4 products = convert_int4(as_char4(left)) * convert_int4(as_char4(right));
    return sum + (uint)((products.x + products.y) + (products.z + products.w));
#endif
}
