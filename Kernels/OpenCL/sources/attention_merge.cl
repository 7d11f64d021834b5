// Attention from those over runs of the positions: [row][run][heads][HEAD + 2] are sums of weighted values, then the
// largest score and the sum of the weights relative to it. Group (h, r) of LOCAL items makes head h of row r.
#define EACH ((HEAD + LOCAL - 1) / LOCAL)
__kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void merge_attention(
    __global const float *restrict parts, __global float *restrict output, uint heads, uint runs) {
    uint head = get_group_id(0), item = get_local_id(0);
    size_t next = (size_t)heads * (HEAD + 2);
    __global const float *part = parts + get_group_id(1) * runs * next + (size_t)head * (HEAD + 2);
    output += (size_t)get_group_id(1) * heads * HEAD;
    float top = -INFINITY, total = 0, sums[EACH];
    for (uint r = 0; r < runs; r++) top = fmax(top, part[r * next + HEAD]);
    for (uint i = 0; i < EACH; i++) sums[i] = 0;
    for (uint r = 0; r < runs; r++, part += next) {
        float factor = exp(part[HEAD] - top);
        total = fma(part[HEAD + 1], factor, total);
        for (uint i = 0; i < EACH; i++)
            if (HEAD % LOCAL == 0 || item + i * LOCAL < HEAD)
                sums[i] = fma(part[item + i * LOCAL], factor, sums[i]);
    }
    for (uint i = 0; i < EACH; i++)
        if (HEAD % LOCAL == 0 || item + i * LOCAL < HEAD)
            output[(size_t)head * HEAD + item + i * LOCAL] = sums[i] / total;
}
